"""The words the market is made of: syllables, industries, technologies, titles. Companies and people are invented."""

from __future__ import annotations

from typing import Final

# Companies are named from syllables, so that no name is taken from a register. Their addresses can never be anybody's:
# `home.arpa` is reserved (RFC 8375) and resolves nowhere in public. `.example` would read better, but it is not on the
# Public Suffix List, so that no account can be told from a name below it.
SUFFIX: Final = "home.arpa"
FIRST: Final = (
    "Vor",
    "Zel",
    "Quil",
    "Tav",
    "Bri",
    "Mor",
    "Kel",
    "Dax",
    "Fen",
    "Gal",
    "Hax",
    "Jor",
    "Lum",
    "Nar",
    "Osk",
    "Pel",
    "Rav",
    "Sol",
    "Tur",
    "Ulm",
    "Ver",
    "Wex",
    "Yar",
    "Zan",
    "Cor",
    "Del",
    "Eld",
    "Fal",
    "Gri",
    "Hol",
    "Ink",
    "Jav",
    "Kor",
    "Lan",
    "Mir",
    "Nel",
    "Orb",
    "Pra",
    "Ruk",
    "Sten",
)
SECOND: Final = (
    "a",
    "e",
    "i",
    "o",
    "u",
    "an",
    "el",
    "ir",
    "on",
    "us",
    "ba",
    "de",
    "gi",
    "lo",
    "mu",
    "ka",
    "te",
    "vi",
    "ro",
    "su",
    "ar",
    "en",
    "il",
    "or",
    "um",
    "da",
    "fe",
    "ho",
    "ni",
    "pu",
    "la",
    "me",
    "ri",
    "to",
    "va",
    "za",
    "ne",
    "ki",
    "so",
    "lu",
)
LAST: Final = (
    "dex",
    "vane",
    "mont",
    "rix",
    "thal",
    "brook",
    "quist",
    "nova",
    "zeth",
    "lark",
    "mere",
    "fynn",
    "stra",
    "wick",
    "tane",
    "bris",
    "gorn",
    "delt",
    "pharn",
    "ster",
    "vex",
    "lume",
    "kast",
    "dorn",
    "belle",
    "tris",
    "moor",
    "nyx",
    "spar",
    "tell",
)

INDUSTRIES: Final[dict[str, tuple[float, float, tuple[str, ...], str]]] = {
    # share of companies, how well the industry fits the seller (0 to 1), sub-industries, the word in company names
    "software": (0.24, 1.0, ("infrastructure", "analytics", "vertical saas", "security"), "Systems"),
    "financial services": (0.13, 0.9, ("payments", "insurance", "lending", "asset management"), "Financial"),
    "retail": (0.12, 0.55, ("online", "grocery", "fashion"), "Stores"),
    "manufacturing": (0.14, 0.25, ("machinery", "electronics", "automotive"), "Industries"),
    "healthcare": (0.11, 0.45, ("providers", "devices", "payers"), "Health"),
    "media": (0.07, 0.7, ("publishing", "streaming", "advertising"), "Media"),
    "logistics": (0.08, 0.6, ("freight", "last mile", "warehousing"), "Logistics"),
    "professional services": (0.07, 0.15, ("consulting", "legal", "staffing"), "Partners"),
    "construction": (0.04, 0.0, ("residential", "civil"), "Construction"),
}
COUNTRIES: Final[dict[str, tuple[float, str, float]]] = {
    # share of companies, region, how well the country fits
    "US": (0.64, "north america", 1.0),
    "CA": (0.06, "north america", 0.9),
    "GB": (0.09, "emea", 0.8),
    "DE": (0.06, "emea", 0.5),
    "FR": (0.04, "emea", 0.4),
    "NO": (0.02, "emea", 0.5),
    "AU": (0.04, "apac", 0.3),
    "SG": (0.02, "apac", 0.3),
    "BR": (0.03, "latam", 0.1),
}
# The seller watches data pipelines, so these technologies make a company a likely customer...
DATA_STACK: Final = ("kafka", "airflow", "spark", "flink", "iceberg")
# ...and these say nothing, or that it is another world.
OTHER_STACK: Final = ("postgresql", "mysql", "kubernetes", "java", "php", "wordpress", "react", "mainframe", "drupal")
RIVALS: Final = ("Pipewarden", "Lakesentry", "Flowgauge")
CATEGORIES: Final = {**dict.fromkeys(DATA_STACK, "data platform"), **dict.fromkeys(OTHER_STACK, "software")}

STAGES: Final = ((15, "pre_seed"), (40, "seed"), (120, "series_a"), (350, "series_b"), (900, "series_c"))
SERIES: Final = {"pre_seed": "seed", "seed": "a", "series_a": "b", "series_b": "c", "series_c": "d"}
AMOUNTS: Final = {"seed": 3e6, "a": 11e6, "b": 28e6, "c": 55e6, "d": 95e6, "e_plus": 180e6, "debt": 20e6}
INVESTORS: Final = ("Example Ventures", "Sample Capital", "Placeholder Partners", "Specimen Growth")

GIVEN: Final = (
    "Dana",
    "Ola",
    "Priya",
    "Marek",
    "Ines",
    "Tomas",
    "Aiko",
    "Ruth",
    "Samir",
    "Lena",
    "Joao",
    "Mina",
    "Piotr",
    "Nadia",
    "Kofi",
    "Elsa",
)
FAMILY: Final = (
    "Roe",
    "Vance",
    "Okafor",
    "Lindt",
    "Sorel",
    "Hale",
    "Mbeki",
    "Castell",
    "Brandt",
    "Iyer",
    "Novak",
    "Quist",
    "Tamm",
    "Weller",
    "Zheng",
    "Aro",
)
DATA_TITLES: Final = ("Chief Data Officer", "VP Data Engineering", "VP Data", "Head of Data Platform")
OTHER_TITLES: Final = ("Chief Revenue Officer", "VP Marketing", "Chief Financial Officer", "VP People", "VP Operations")
DATA_JOBS: Final = ("Data Engineer", "Senior Data Engineer", "Analytics Engineer", "Data Platform Engineer")
OTHER_JOBS: Final = ("Account Executive", "Recruiter", "Product Designer", "Accountant", "Frontend Engineer")
OTHER_DEPARTMENTS: Final = ("sales", "people", "design", "finance", "engineering")
TOPICS: Final = ("data quality", "data observability", "pipeline monitoring", "event streaming")
FAR_TOPICS: Final = ("payroll", "office furniture", "endpoint security")
EVENTS: Final = ("Pipeline Days", "Data Plumbers' Summit", "Cloud Forum North")
CITIES: Final = ("Denver", "Leeds", "Toronto", "Austin", "Hamburg", "Singapore", "Lyon", "Oslo")
ANNOUNCEMENTS: Final = ("product_launch", "partnership", "strategic_pivot", "other")
