"""Words of the page in many languages, and Google's own top-level domains."""

from __future__ import annotations

PHOTO_WORDS = (
    "photo", "foto", "фото", "写真", "照片", "相片", "图片", "사진", "صور", "फ़ोटो", "फोटो", "zdję",
    "bild", "billed", "bilde", "kuva", "fénykép", "snímk", "φωτογραφ", "ảnh", "תמונות", "รูป",
)  # fmt: skip

REVIEWS_WORDS = (
    "review", "reseña", "opinion", "avis", "rezension", "bewertung", "avaliaç", "crítica",
    "comentário", "recension", "beoordeling", "opinie", "opini", "yorum", "отзыв", "відгук",
    "クチコミ", "口コミ", "评价", "評論", "评论", "리뷰", "مراجعات", "المراجعات", "समीक्षा",
    "omdöme", "anmeld", "recenz", "arvostel", "vélemény", "κριτικ", "bài đánh giá", "ulasan",
    "ביקורות", "รีวิว", "ressenya", "recenzi",
)  # fmt: skip
"""Stems in the label of the tab that holds all reviews."""

REJECT_WORDS = (
    "reject all", "rechazar todo", "tout refuser", "alle ablehnen", "rejeitar tudo",
    "recusar tudo", "rifiuta tutto", "alles afwijzen", "odrzuć wszystko", "tümünü reddet",
    "отклонить все", "відхилити все", "すべて拒否", "全部拒绝", "全部拒絕", "모두 거부", "رفض الكل",
    "सभी अस्वीकार करें", "avvisa alla", "afvis alle", "avvis alle", "odmítnout vše", "hylkää kaikki",
    "az összes elutasítása", "απόρριψη όλων", "từ chối tất cả", "tolak semua", "respinge tot",
    "דחיית הכול", "ปฏิเสธทั้งหมด", "rebutja-ho tot",
)  # fmt: skip
"""Labels of the button that declines cookies."""

LIMITED_VIEW_WORDS = ("limited view of google maps", "limited view")

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
