"""Words of the page in many languages, and Google's own top-level domains."""

# ruff: noqa: RUF001 - Turkish has a dotless i
from __future__ import annotations

PHOTO_WORDS = (
    "photo", "foto", "фото", "写真", "照片", "相片", "图片", "사진", "صور", "फ़ोटो", "फोटो",
    "zdję", "bild", "billed", "bilde", "kuva", "fénykép", "snímk", "φωτογραφ", "ảnh", "תמונות",
    "รูป",
)  # fmt: skip

REVIEWS_WORDS = (
    "review", "reseña", "opinion", "avis", "rezension", "bewertung", "avaliaç", "crítica",
    "comentário", "recension", "beoordeling", "recensie", "opinie", "opini", "yorum", "отзыв",
    "відгук", "クチコミ", "口コミ", "レビュー", "评价", "評價", "評論", "评论", "리뷰",
    "مراجعات", "التقييمات", "समीक्षा", "omdöme", "anmeld", "recenz", "arvostel", "vélemény",
    "κριτικ", "bài đánh giá", "ulasan", "ביקורות", "รีวิว", "ressenya", "recenzi",
)  # fmt: skip
"""Stems in the label of the tab that holds all reviews."""

SORT_WORDS = (
    "sort", "ordenar", "trier", "classer", "ordina", "sorteren", "sırala", "сортир", "並べ替え",
    "排序", "정렬", "ترتيب", "क्रम", "sorter", "seřadit", "järjest", "rendezés", "ταξινόμηση",
    "sắp xếp", "urut", "מיון", "จัดเรียง", "sortuj",
)  # fmt: skip
"""Stems in the label of the button that opens the menu of orders."""

REJECT_WORDS = (
    "reject all", "rechazar todo", "tout refuser", "alle ablehnen", "rejeitar tudo",
    "recusar tudo", "rifiuta tutto", "alles afwijzen", "alles weigeren", "odrzuć wszystko",
    "tümünü reddet", "отклонить все", "відхилити все", "すべて拒否", "全部拒绝", "全部拒絕",
    "모두 거부", "رفض الكل", "सभी अस्वीकार करें", "सभी को अस्वीकार करें", "सभी अस्वीकारें",
    "avvisa alla", "afvis alle", "avvis alle", "odmítnout vše", "hylkää kaikki",
    "az összes elutasítása", "απόρριψη όλων", "từ chối tất cả", "tolak semua", "respinge tot",
    "דחיית הכול", "ปฏิเสธทั้งหมด", "rebutja-ho tot",
)  # fmt: skip
"""Labels of the button that declines cookies."""

LIMITED_VIEW_WORDS = (
    "limited view", "vista limitada", "visualización limitada", "vue limitée",
    "affichage limité", "eingeschränkte ansicht", "begrenzte ansicht", "visualização limitada",
    "visualizzazione limitata", "vista limitata", "beperkte weergave", "ograniczony widok",
    "ograniczon", "sınırlı görünüm", "ограниченн", "制限付き", "限定的な表示", "受限视图",
    "有限的视图", "受限檢視", "有限的檢視", "제한된 보기", "제한된 뷰", "عرض محدود",
    "सीमित व्यू", "सीमित दृश्य",
)  # fmt: skip
"""In the notice of a view without reviews. Its element is known as well: ``.S3H0Nb``."""

CAPTCHA_WORDS = (
    "unusual traffic", "tráfico inusual", "trafic exceptionnel", "ungewöhnlichen datenverkehr",
    "tráfego incomum", "traffico insolito", "ongebruikelijk verkeer", "nietypowy ruch",
    "olağan dışı trafik", "подозрительный трафик", "通常と異なるトラフィック", "异常流量",
    "異常流量", "비정상적인 트래픽", "حركة مرور غير معتادة", "असामान्य ट्रैफ़िक",
)  # fmt: skip
"""What Google tells a visitor whom it takes for a machine."""

SPONSORED_WORDS = (
    "sponsored", "ad", "patrocinado", "anuncio", "sponsorisé", "annonce", "gesponsert",
    "anzeige", "anúncio", "sponsorizzato", "annuncio", "gesponsord", "advertentie",
    "sponsorowane", "reklama", "sponsorlu", "reklam", "реклама", "спонсируемый", "スポンサー",
    "広告", "赞助商广告", "广告", "赞助", "贊助商廣告", "廣告", "贊助", "스폰서", "광고",
    "إعلان", "إعلان ممول", "إعلان مموَّل", "إعلان مُموَّل", "برعاية", "प्रायोजित", "विज्ञापन",
)  # fmt: skip
"""The whole mark on a result that somebody paid for."""

_DOMAINS = """
    com cat ad ae al am as at az ba be bf bg bi bj bs bt by ca cd cf cg ch ci cl cm cn cv cz de dj
    dk dm dz ee es fi fm fr ga ge gg gl gm gr gy hn hr ht hu ie im iq is it je jo kg ki kz la li lk
    lt lu lv md me mg mk ml mn mu mv mw ne nl no nr nu pl pn ps pt ro rs ru rw sc se sh si sk sm sn
    so sr st td tg tl tm tn to tt vu ws
    com.af com.ag com.ar com.au com.bd com.bh com.bn com.bo com.br com.bz com.co com.cu com.cy
    com.do com.ec com.eg com.et com.fj com.gh com.gi com.gt com.hk com.jm com.kh com.kw com.lb
    com.ly com.mm com.mt com.mx com.my com.na com.ng com.ni com.np com.om com.pa com.pe com.pg
    com.ph com.pk com.pr com.py com.qa com.sa com.sb com.sg com.sl com.sv com.tj com.tr com.tw
    com.ua com.uy com.vc com.vn
    co.ao co.bw co.ck co.cr co.id co.il co.in co.jp co.ke co.kr co.ls co.ma co.mz co.nz co.th co.tz
    co.ug co.uk co.uz co.ve co.vi co.za co.zm co.zw
"""
GOOGLE_DOMAINS = frozenset(_DOMAINS.split())
"""What stands after ``google.`` in Google's own hosts; any other name may be anybody's."""
