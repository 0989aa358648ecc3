"""Invented cases for the masks: what must go, by kind and naming tradition, and sentences from which nothing may go.

Every name is put together from parts that are common where it comes from; every number is of a range kept for fiction,
or counts up; every address is of a domain kept for examples. None is anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import cycle, islice

# Sentences a name stands in; "{}" is the name.
_SENTENCES = (
    "Big thanks to {} for sorting the keys out yesterday.",
    "{} told me the meeting was moved.",
    "Has anyone seen {} since Friday?",
    "I spoke to {} at the desk and got nowhere.",
    "It was {} who parked across my drive again",
    "Ask {}, they run the group.",
    "My neighbour {} has been brilliant all winter.",
    "well done {} and the team!",
    "That letter was signed by {}.",
    "saw {} outside the chippy, all smiles",
    "Does {} still live on your street?",
    "Condolences to the family of {}.",
)

NAMES: dict[str, tuple[str, ...]] = {
    "British": (
        "Alan Thistlewood",
        "Margaret Oakroyd",
        "Darren Pickersgill",
        "Siobhan McGlennon",
        "Gareth Llewelyn-Price",
        "Hamish MacCorran",
        "Kayleigh Shawcross",
        "Trevor Ramsbottom",
        "Dorothy Netherwood",
        "Callum O'Dowdall",
        "Beverley Hartnoll",
        "Nigel Ackworth",
    ),
    "Pakistani": (
        "Mohammed Arshad Kayani",
        "Shabana Mirzada",
        "Nadeem Akhtar Rajput",
        "Farzana Qureshani",
        "Imran Gulraiz",
        "Sajida Parveen",
        "Zulfiqar Bhattiwal",
        "Tahira Mahmoodi",
        "Wasim Chaudhary",
        "Rukhsana Jamshaid",
        "Adeel Khokharzada",
        "Bushra Tanveer",
    ),
    "Punjabi and Hindu": (
        "Gurpreet Singh Dhanjal",
        "Harjinder Kaur",
        "Balwinder Sohalpuri",
        "Priya Raghunathan",
        "Rajesh Deshmukhar",
        "Manpreet Gillanwala",
        "Sunita Agarwalla",
        "Amrit Kaur Bassiwal",
        "Vikram Choudharia",
        "Deepa Krishnamoorthy",
        "Jaswinder Plahay",
        "Anil Mehtani",
    ),
    "Bangladeshi": (
        "Abdul Karim Talukdar",
        "Rahima Khatun",
        "Shafiqul Islam Mazumdar",
        "Nasrin Sultana",
        "Jahanara Begum",
        "Mizanur Rahman Sikder",
        "Tahmina Akter",
        "Rezaul Haque",
        "Sharmin Chowdhury",
        "Anwar Hossain",
        "Momtaz Bibi",
        "Faruk Miah",
    ),
    "Polish": (
        "Agnieszka Wiśniowska",
        "Krzysztof Zielonka",
        "Małgorzata Dąbrowiec",
        "Piotr Kowalewicz",
        "Zbigniew Szczepan",
        "Katarzyna Lewandoska",
        "Tomasz Grabowicz",
        "Jolanta Mazurkowa",
        "Wojciech Jabłonek",
        "Beata Nowaczyk",
        "Sławomir Pietrzakowski",
        "Ewa Kamińczak",
    ),
    "Romanian and Slovak": (
        "Ionuț Popescariu",
        "Mihaela Dumitrache",
        "Gheorghe Lupulescu",
        "Andreea Stănciulescu",
        "Vasile Moldovanu",
        "Zuzana Hornáková",
        "Jozef Balážik",
        "Katarína Šimončičová",
        "Marek Kováčik",
        "Elena Ciobanescu",
        "Florin Ungureanescu",
        "Ľubica Tóthová",
    ),
    "Ukrainian": (
        "Oksana Shevchuk-Melnyk",
        "Volodymyr Bondarets",
        "Kateryna Kovalska",
        "Andriy Tkachuk",
        "Halyna Moroz",
        "Yevhen Lysytsia",
        "Iryna Pavlychko",
        "Mykola Hrynko",
        "Svitlana Rudenka",
        "Bohdan Kravets",
        "Natalia Petrusha",
        "Taras Zakharko",
    ),
    "Arabic": (
        "Ahmad al-Khatibi",
        "Layla Haddadin",
        "Omar Abdelrazek",
        "Fatima Zahra Benkirani",
        "Khaled Mansouri",
        "Yousef Darwishi",
        "Hanan Al Masriyah",
        "Samir Boutaleb",
        "Mariam Qasimi",
        "Tariq Shahrouri",
        "Nour el-Din Saleh",
        "Rania Khouriya",
    ),
    "African": (
        "Chukwuemeka Okonjo-Bassey",
        "Adaeze Nwachukwu",
        "Kwabena Osei-Tutuwa",
        "Abena Mensahwa",
        "Tendai Mutasani",
        "Oluwaseun Adebayowa",
        "Ngozi Ezekwe",
        "Thabo Mokoenane",
        "Wanjiru Kamauri",
        "Babajide Ogunleye",
        "Efua Asantewaa",
        "Tsegaye Bekelewa",
    ),
    "Somali": (
        "Abdirahman Warsame",
        "Hodan Farahley",
        "Ayaan Jamaale",
        "Mahad Geeddi",
        "Ifrah Cabdulle",
        "Liban Xasan",
        "Sagal Nuurow",
        "Faduma Dirieyeh",
        "Yusuf Guleedle",
        "Hibaq Axmed",
        "Bilan Sheekhdoon",
        "Guled Caateye",
    ),
    "Chinese and Vietnamese": (
        "Wei Zhanglin",
        "Xiu Ying Chenwu",
        "Li Na Huang",
        "Nguyen Thi Hoa",
        "Tran Van Minh",
        "Mei Ling Wongsun",
        "Zhou Jianguo",
        "Pham Quoc Bao",
        "Hui Min Tanaka-Lim",
        "Liang Guowei",
        "Le Thi Thu",
        "Xu Haoran",
    ),
    "Caribbean": (
        "Delroy Cumberbatch-Rowe",
        "Marcia Braithwaite",
        "Winston Fairclough",
        "Shanice Delapenha",
        "Leroy Gayle-Bennett",
        "Precious Lindo",
        "Errol McKenzie-Dacres",
        "Beverly Bogleson",
        "Tyrone Chambersby",
        "Lorna Sinclaire",
        "Clifton Wedderburn",
        "Keisha Ramdeen",
    ),
}

# Written after the masks were mended on the names above, and looked at once: what they do on names they never met.
NAMES_UNSEEN: dict[str, tuple[str, ...]] = {
    "British": ("Rosalind Featherley", "Keith Brocklebury", "Morag Strathearnie", "Dylan Cadwgan"),
    "Pakistani": ("Saqib Lodhiwal", "Nargis Yousafi", "Haroon Rasheed Mirpuri", "Uzma Gillaniya"),
    "Punjabi and Hindu": ("Sukhdev Randhawala", "Kamaljit Kaur", "Meera Iyengarh", "Devinder Sandhuwal"),
    "Bangladeshi": ("Lutfur Chowdhuri", "Salma Begum", "Monir Uddin Laskar", "Rokeya Khatoon"),
    "Polish": ("Grażyna Olszewiak", "Mirosław Czarniak", "Danuta Wróblewicz", "Radosław Stępniak"),
    "Romanian and Slovak": ("Cristian Vlădescu", "Ileana Brătianca", "Miroslav Hudákov", "Božena Krajčíková"),
    "Ukrainian": ("Lesia Honchar", "Ostap Vyshnevets", "Zoriana Ilchenka", "Dmytro Savchak"),
    "Arabic": ("Basel al-Haddar", "Salwa Mahjoubi", "Hicham Ben Tahar", "Amal Zaituni"),
    "African": ("Obinna Eze-Nwosu", "Akosua Frimponga", "Sipho Dlaminike", "Hirut Tadesseh"),
    "Somali": ("Deeqa Muuseley", "Cawil Saalax", "Nimco Shireh", "Jaamac Warfaane"),
    "Chinese and Vietnamese": ("Chen Yulan", "Vo Thanh Tung", "Sun Meihua", "Bui Duc Anh"),
    "Caribbean": ("Desmond Palmerton", "Yvonne Charlemagne", "Rohan Blackstocke", "Claudette Murrain"),
}

# Sentences that name nobody: what is masked here is masked wrongly.
NOBODY = (
    "The Council says bins in Northgate move to Tuesday from May.",
    "Leeds Road is shut at the lights, use Harrogate Road instead.",
    "Bradford City won at last, what a Saturday.",
    "Library on Mill Lane closing? Says who?",
    "West Yorkshire Police have put a post out about it.",
    "Happy Eid Mubarak to everyone on the street!",
    "Ramadan Kareem from the Community Centre.",
    "The Green Party and Labour both knocked today.",
    "Great Horton Co-op has run out of milk.",
    "Apparently the NHS is moving the clinic to St Luke's Hospital.",
    "Off to Bolton Abbey on Sunday if the rain holds.",
    "Christmas lights go on at City Park, seven o'clock.",
    "Anyone lost a black cat near Lister Park?",
    "The Beck is high again, mind the path.",
    "Royal Mail lost my parcel AGAIN",
    "New Year, same potholes on Queens Road.",
    "Yorkshire Water are digging up Victoria Street.",
    "Neighbourhood Watch meets at the Baptist Church Hall.",
    "Black Friday queue outside Argos already",
    "Aldi, Lidl, Morrisons: all out of eggs.",
    "Good Friday service at All Saints.",
    "Forster Square is rammed, get the Interchange train.",
    "The Mayor of London was on Radio Leeds.",
    "Bank Holiday Monday and not one bus.",
    "Primary School admissions open in September.",
    "Stop the Flats campaign has 400 names.",
    "World Cup on the big screen at Centenary Square.",
    "Trust in the police? Not round here.",
    "Fair play to the gritters, out at 4am.",
    "Saltaire Festival is back in September.",
    "Premier Inn by the station is full.",
    "Polish shop on Manningham Lane does the best bread.",
    "Park and Ride is free this weekend.",
    "Universal Credit line was engaged all morning.",
    "Fire Brigade on Otley Road, avoid.",
    "Curry Festival tickets gone in an hour.",
    "Grand Mosque open day this Sunday, all welcome.",
    "Tesco Express car park flooded.",
    "May Day fair on the Green.",
    "Highways England says the M62 is clear.",
)

# Kind -> (what must go, what has to stand in its place).
PATTERNED: dict[str, tuple[str, tuple[str, ...]]] = {
    "phone": (
        "[phone]",
        (
            "07700 900123",
            "07700900456",
            "+44 7700 900789",
            "0044 7700 900321",
            "+447700900654",
            "07700-900-987",
            "(01632) 960123",
            "01632 960456",
            "0113 496 0123",
            "0113 4960456",
            "020 7946 0958",
            "02079460123",
            "+44 20 7946 0321",
            "+44 (0)113 496 0789",
            "0161 496 0654",
            "0808 157 0192",
            "+92 300 1234567",
            "00923001234567",
            "+48 512 345 678",
            "+40 721 234 567",
            "+46 70 174 06 15",
            "+353 85 012 3456",
            "07700 900 555",
            "0770 0900 556",
            "+1 202 555 0143",
            "+380 50 123 4567",
            "01274 960 111",
            "01274-960-222",
        ),
    ),
    "email": (
        "[email]",
        (
            "sam.holdsworth@example.com",
            "a.khan92@example.co.uk",
            "info@example.org",
            "first_last@example.net",
            "x+news@example.com",
            "JO.SMITH@EXAMPLE.COM",
            "o'neill@example.ie",
            "anna-maria@sub.example.pl",
            "chair [at] example.org",
            "chair(at)example.co.uk",
            "kasia@example.pl",
            "m.ali.1980@example.pk",
            "b@example.io",
            "street.rep@example.gov.uk",
            "team-42@example.social",
            "zoë@example.com",
            "r.singh%home@example.com",
            "no.reply@mail.example.com",
            "ünal@example.de",
            "dev_null@example.dev",
            "treasurer@localhost",
            "pta@example.sch.uk",
        ),
    ),
    "postcode": (
        "[postcode",
        (
            "BD1 1AA",
            "BD11AA",
            "bd7 1ah",
            "BD18 3LA",
            "LS1 4DY",
            "HX1 1TS",
            "M1 1AE",
            "EC1A 1BB",
            "W1A 0AX",
            "SW1A 2AA",
            "B33 8TH",
            "CR2 6XH",
            "DN55 1PT",
            "bd22 9sy",
            "BD4 9RE",
            "BD10 8QQ",
            "LS29 9ET",
            "HD6 1PT",
            "WF17 9AB",
            "OL14 7DD",
            "YO1 7HH",
            "S1 2HE",
            "N1 9GU",
            "BD99 1XX",
        ),
    ),
    "plate": (
        "[plate]",
        (
            "YK19 ABC",
            "YK19ABC",
            "yk19abc",
            "BD51 SMR",
            "LA72 XYZ",
            "FN08 GHJ",
            "WX65 KLP",
            "AB12 CDE",
            "MV23 RTY",
            "KY70 OPL",
            "P123 ABW",
            "R456 XKD",
            "T78 HJN",
            "ABW 123T",
            "KLM 456P",
            "XKD 7S",
            "reg yk19 abc",
            "plate bd51 smr",
            "registration fn08 ghj",
            "EO24 WXY",
        ),
    ),
    "handle": (
        "@user",
        (
            "@bradfordlad",
            "@bd_mum_92",
            "@some.one",
            "@Shipley_Sue",
            "@user@example.social",
            "@a.person@mastodon.example",
            "u/holmewood_hal",
            "/u/eccy-parent",
            "@ali.bsky.social",
            "someone.bsky.social",
            "did:plc:ab12cd34ef56",
            "＠fullwidth",
            "@x_1",
            "@THELAD",
            "@zażółć",
            "@علي",
            "@two@example.org",
            "@night-owl",
            "@o_o_o",
            "@kiran99",
        ),
    ),
    "link": (
        "http",
        (
            "https://example.com/a/b?c=d",
            "http://example.org",
            "www.example.net/page",
            "example.com/news",
            "HTTPS://EXAMPLE.COM/X",
            "at://did:plc:abc/app",
            "mailto:someone@example.com",
            "bit.example/x1Y2",
            "https://example.social/@someone/1234",
            "https://exämple.example/weg",
        ),
    ),
}
_AROUND = ("{} please", "it was {} again.", "({})", "that's {}, thanks", "see {}", "pass it on: {}!")


def patterned() -> list[tuple[str, str, str, str]]:
    """(kind, what must go, the text, the mask that stands in its place)."""
    return [
        (kind, secret, around.format(secret), mask)
        for kind, (mask, secrets) in PATTERNED.items()
        for secret, around in zip(secrets, cycle(_AROUND), strict=False)
    ]


def named(names: dict[str, tuple[str, ...]] = NAMES) -> list[tuple[str, str, str]]:
    """(tradition, name, the text)."""
    return [
        (tradition, name, sentence.format(name))
        for tradition, people in names.items()
        for name, sentence in zip(people, islice(cycle(_SENTENCES), len(people)), strict=True)
    ]


Mask = Callable[[Sequence[str]], list[str]]


def recall_of_kinds(mask: Mask) -> dict[str, float]:
    """Kind -> share of cases in which no part of what must go is left, and the mask stands there."""
    cases = patterned()
    gone = [
        sign in text and _core(secret).lower() not in text.lower()
        for (_, secret, _, sign), text in zip(cases, mask([case[2] for case in cases]), strict=True)
    ]
    return {kind: _share([ok for case, ok in zip(cases, gone, strict=True) if case[0] == kind]) for kind in PATTERNED}


def _core(secret: str) -> str:
    """Without "reg" in front of a plate, which may stay."""
    return re.sub(r"^(?:reg|plate|registration) ", "", secret)


def scores_of_names(mask: Mask, names: dict[str, tuple[str, ...]] = NAMES) -> dict[str, tuple[float, float]]:
    """Tradition -> (recall: names of which no word is left, precision: masked texts of which nothing else went)."""
    cases = named(names)
    rows = [
        (case[0], *_judged(case[1], case[2], text))
        for case, text in zip(cases, mask([c[2] for c in cases]), strict=True)
    ]
    return {
        tradition: (
            _share([gone for name, gone, _, _ in rows if name == tradition]),
            _share([clean for name, _, is_masked, clean in rows if name == tradition and is_masked]),
        )
        for tradition in names
    }


def _judged(name: str, text: str, masked: str) -> tuple[bool, bool, bool]:
    """Whether no word of the name is left, whether anything was masked, and whether all other words still stand."""
    gone = not any(_has(masked, word) for word in name.split())
    others = [word for word in re.findall(r"\w+", text.replace(name, " ")) if len(word) > 1]
    return gone, "[name]" in masked, all(_has(masked, word) for word in others)


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def masked_wrongly(mask: Mask) -> list[str]:
    """Sentences about nobody in which a name was seen."""
    return [text for text, masked in zip(NOBODY, mask(NOBODY), strict=True) if "[name]" in masked]


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 1.0
