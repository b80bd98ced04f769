"""A small grammar of café reviews: each sentence in six languages, so translations are true."""

from __future__ import annotations

from random import Random

LANGUAGES = ("en", "fr", "de", "es", "it", "ja")
LANGUAGE_NAMES = {
    "en": "English",
    "fr": "French",
    "de": "German",
    "es": "Spanish",
    "it": "Italian",
    "ja": "Japanese",
}
LONGEST_SHOWN = 190
LONGEST_SHOWN_JA = 70

DRINKS = (
    ("cappuccino", "cappuccino", "Cappuccino", "capuchino", "cappuccino", "カプチーノ"),
    ("espresso", "expresso", "Espresso", "expreso", "espresso", "エスプレッソ"),
    ("green tea", "thé vert", "grüne Tee", "té verde", "tè verde", "緑茶"),
    ("hot chocolate", "chocolat chaud", "Kakao", "chocolate caliente", "cioccolato", "ココア"),
)
FOODS = (
    (
        "apple tart",
        "tarte aux pommes",
        "Apfeltorte",
        "tarta de manzana",
        "torta di mele",
        "りんごタルト",
    ),
    ("madeleine", "madeleine", "Madeleine", "magdalena", "madeleine", "マドレーヌ"),
    (
        "lemon tart",
        "tarte au citron",
        "Zitronentorte",
        "tarta de limón",
        "torta al limone",
        "レモンタルト",
    ),
    ("waffle", "gaufre", "Waffel", "crepe", "cialda", "ワッフル"),
)
SENTENCES = (
    (
        "I came for the {drink} and stayed for the {food}.",
        "Venue pour le {drink}, restée pour la {food}.",
        "Der {drink} hat mich hergelockt, die {food} hat mich behalten.",
        "Vine por el {drink} y me quedé por la {food}.",
        "Il {drink} mi ha portato qui, la {food} mi ha trattenuto.",
        "{drink}を目当てに来て、{food}のために居残りました。",
    ),
    (
        "The waiter remembered my order, my name and, worryingly, my shoe size.",
        "Le serveur a retenu ma commande, mon nom et, plus inquiétant, ma pointure.",
        "Der Kellner merkte sich meine Bestellung, meinen Namen und leider auch meine Schuhgröße.",
        "El camarero recordó mi pedido, mi nombre y, lo que inquieta, mi número de zapato.",
        "Il cameriere ricordava il mio ordine, il mio nome e, purtroppo, il mio numero di scarpe.",
        "店員さんは注文も名前も、なぜか靴のサイズまで覚えていました。",
    ),
    (
        "We waited {minutes} minutes, which is exactly one good argument about films.",
        "Nous avons attendu {minutes} minutes, soit exactement une bonne dispute sur le cinéma.",
        "Wir warteten {minutes} Minuten, genau einen guten Streit über Filme lang.",
        "Esperamos {minutes} minutos, justo lo que dura una buena discusión sobre cine.",
        "Abbiamo aspettato {minutes} minuti, cioè una bella discussione sul cinema.",
        "{minutes}分待ちました。映画について一度けんかするのにちょうどいい長さです。",
    ),
    (
        "The cat by the window runs the place and knows it.",
        "Le chat près de la fenêtre dirige la maison, et il le sait.",
        "Die Katze am Fenster leitet den Laden und weiß das auch.",
        "El gato de la ventana dirige el local y lo sabe.",
        "Il gatto alla finestra dirige il locale, e lo sa.",
        "窓辺の猫がこの店の主で、本人もそれを知っています。",
    ),
    (
        "My {food} was so pretty that I apologised to it before eating.",
        "Ma {food} était si jolie que je lui ai demandé pardon avant de la manger.",
        "Meine {food} war so hübsch, dass ich mich vor dem Essen entschuldigt habe.",
        "Mi {food} era tan bonita que le pedí perdón antes de comerla.",
        "La mia {food} era così bella che le ho chiesto scusa prima di mangiarla.",
        "{food}がきれいすぎて、食べる前に謝りました。",
    ),
    (
        "Prices are fair, unless you count the second {food}.",
        "Les prix sont corrects, sauf si l'on compte la deuxième {food}.",
        "Die Preise sind fair, solange man die zweite {food} nicht mitzählt.",
        "Los precios son justos, si no cuentas la segunda {food}.",
        "I prezzi sono onesti, se non si conta la seconda {food}.",
        "二つ目の{food}を数えなければ、値段は良心的です。",
    ),
    (
        "The Wi-Fi is slow, so people talk to each other: frightening, but nice.",
        "Le Wi-Fi est lent, alors les gens se parlent : effrayant, mais agréable.",
        "Das WLAN ist langsam, also reden die Leute miteinander: unheimlich, aber schön.",
        "El wifi es lento, así que la gente se habla: da miedo, pero gusta.",
        "Il Wi-Fi è lento, così la gente si parla: spaventoso, ma piacevole.",
        "Wi-Fiが遅いので、みんな会話をしています。怖いけれど、いいものです。",
    ),
    (
        "A {drink} like a hug from a very competent aunt.",
        "Un {drink} comme l'étreinte d'une tante très compétente.",
        "Dieser {drink} ist wie die Umarmung einer sehr tüchtigen Tante.",
        "Un {drink} como el abrazo de una tía muy competente.",
        "Un {drink} come l'abbraccio di una zia molto in gamba.",
        "とても有能なおばさんに抱きしめられたような{drink}。",
    ),
    (
        "Too loud for a breakup, perfect for a birthday.",
        "Trop bruyant pour une rupture, parfait pour un anniversaire.",
        "Zu laut zum Schlussmachen, perfekt für einen Geburtstag.",
        "Demasiado ruido para una ruptura, perfecto para un cumpleaños.",
        "Troppo rumore per lasciarsi, perfetto per un compleanno.",
        "別れ話にはうるさすぎますが、誕生日には最高です。",
    ),
    (
        "The chairs were designed by somebody who never sits.",
        "Les chaises ont été dessinées par quelqu'un qui ne s'assoit jamais.",
        "Die Stühle hat jemand entworfen, der nie sitzt.",
        "Las sillas las diseñó alguien que nunca se sienta.",
        "Le sedie le ha disegnate qualcuno che non si siede mai.",
        "椅子は、決して座らない人が設計したようです。",
    ),
    (
        "I asked for oat milk and nobody sighed.",
        "J'ai demandé du lait d'avoine et personne n'a soupiré.",
        "Ich bat um Hafermilch, und niemand hat geseufzt.",
        "Pedí leche de avena y nadie suspiró.",
        "Ho chiesto latte d'avena e nessuno ha sospirato.",
        "オーツミルクを頼んでも、誰もため息をつきませんでした。",
    ),
    (
        "The mirror in the bathroom is kind ☺ and that alone deserves a star.",
        "Le miroir des toilettes est bienveillant ☺ et cela seul mérite une étoile.",
        "Der Spiegel auf der Toilette ist gnädig ☺ das allein verdient einen Stern.",
        "El espejo del baño es amable ☺ y solo eso ya merece una estrella.",
        "Lo specchio del bagno è gentile ☺ e già questo merita una stella.",
        "お手洗いの鏡がやさしい☺それだけで星一つの価値があります。",
    ),
)
REPLIES = {
    "en": (
        "Thank you, {name}! The cat has read your review aloud to the staff.",
        "Dear {name}, we are sorry: the oven and the baker were not speaking. They do again.",
        "We have hidden your favourite table from everybody else until Sunday.",
        "The chairs are by a cousin, but cushions are on their way from Graz by slow train.",
        "Please come again and ask for the second slice; the first one is only an introduction.",
    ),
    "de": (
        "Danke, {name}! Die Katze hat Ihre Bewertung dem ganzen Team vorgelesen.",
        "Ofen und Bäcker sprachen an dem Tag nicht miteinander. Jetzt wieder.",
        "Ihr Lieblingstisch ist bis Sonntag vor allen anderen versteckt.",
        "Kommen Sie wieder, wegen des zweiten Stücks; das erste ist nur die Einleitung.",
    ),
}
NAMES = (
    "Anna Keller", "Bruno Costa", "Camille Roux", "Dmitri Orlow", "Elif Güneş", "Farah Nasser",
    "Giulia Conti", "Hana Novák", "Ines Duarte", "Jonas Weber", "Kofi Mensah", "Lena Vogel",
    "Mateo Ruiz", "Nina Petrović", "Oskar Lind", "Priya Nair", "Quentin Blanc", "Rosa Marín",
    "Søren Dahl", "Tove Berg", "Uma Rao", "Viktor Toth", "Wanda Zielińska", "Xin Li", "Yuki Mori",
    "Zoë Maas", "田中 さくら", "王小明", "김하늘", "Анна Белова", "ليلى حداد", "Conor O'Brien",
)  # fmt: skip


def paragraph(random: Random, language: str, sentences: int) -> tuple[str, str]:
    """A text of some sentences in ``language``, and the same in English."""
    column = LANGUAGES.index(language)
    chosen = random.sample(SENTENCES, min(sentences, len(SENTENCES)))
    drink, food = random.choice(DRINKS), random.choice(FOODS)
    minutes = random.randint(4, 55)
    glue = "" if language == "ja" else " "
    breaks = random.random() < 0.3

    def told(index: int, joint: str) -> str:
        lines = [
            row[index].format(drink=drink[index], food=food[index], minutes=minutes)
            for row in chosen
        ]
        if breaks and len(lines) > 2:
            return joint.join(lines[:2]) + "\n\n" + joint.join(lines[2:])
        return joint.join(lines)

    return told(column, glue), told(0, " ")


def reply(random: Random, language: str, name: str, sentences: int) -> str:
    """What the owner answers ``name``."""
    lines = REPLIES[language]
    chosen = [lines[0], *random.sample(lines[1:], min(sentences, len(lines)) - 1)]
    return " ".join(chosen).format(name=name)


def shortened(text: str, language: str) -> str | None:
    """``text`` as the page shows it before "More"; None when it fits."""
    longest = LONGEST_SHOWN_JA if language == "ja" else LONGEST_SHOWN
    if len(text) <= longest:
        return None
    cut = text[:longest]
    return (cut if language == "ja" else cut.rsplit(" ", 1)[0]) + " …"
