"""Country names as directories write them, to ISO 3166 alpha-2 codes, and the region a country is in."""

from __future__ import annotations

_REGIONS = {
    "North America": "US=United States,USA,United States of America|CA=Canada|PR=Puerto Rico|BM=Bermuda",
    "Latin America": "MX=Mexico|BR=Brazil|AR=Argentina|CL=Chile|CO=Colombia|PE=Peru|UY=Uruguay|EC=Ecuador|BO=Bolivia"
    "|VE=Venezuela|PY=Paraguay|PA=Panama|CR=Costa Rica|GT=Guatemala|HN=Honduras|SV=El Salvador|NI=Nicaragua"
    "|DO=Dominican Republic|CU=Cuba|JM=Jamaica|TT=Trinidad and Tobago|HT=Haiti|BS=Bahamas,The Bahamas|BB=Barbados"
    "|KY=Cayman Islands|BZ=Belize|GY=Guyana|SR=Suriname|VG=British Virgin Islands|CW=Curacao,Curaçao",
    "Europe": "GB=United Kingdom,United Kingdom (Great Britain),Great Britain,UK,England|FR=France|DE=Germany|ES=Spain"
    "|IT=Italy|NL=Netherlands,The Netherlands|BE=Belgium|CH=Switzerland|AT=Austria|IE=Ireland|PT=Portugal|SE=Sweden"
    "|NO=Norway|DK=Denmark|FI=Finland|IS=Iceland|PL=Poland|CZ=Czechia,Czech Republic|SK=Slovakia|HU=Hungary"
    "|RO=Romania|BG=Bulgaria|GR=Greece|HR=Croatia|SI=Slovenia|RS=Serbia|BA=Bosnia and Herzegovina|ME=Montenegro"
    "|MK=North Macedonia,Macedonia|AL=Albania|EE=Estonia|LV=Latvia|LT=Lithuania|BY=Belarus|UA=Ukraine|MD=Moldova"
    "|RU=Russia,Russian Federation|LU=Luxembourg|MT=Malta|CY=Cyprus|MC=Monaco|LI=Liechtenstein|AD=Andorra"
    "|SM=San Marino|GI=Gibraltar|JE=Jersey|GG=Guernsey|IM=Isle of Man|XK=Kosovo|FO=Faroe Islands",
    "Middle East and North Africa": "IL=Israel|AE=United Arab Emirates|SA=Saudi Arabia|EG=Egypt|TR=Turkey,Türkiye"
    "|JO=Jordan|LB=Lebanon|QA=Qatar|KW=Kuwait|BH=Bahrain|OM=Oman|YE=Yemen|IQ=Iraq|IR=Iran,Iran (Islamic Republic of)"
    "|SY=Syria|PS=Palestine|MA=Morocco|DZ=Algeria|TN=Tunisia|LY=Libya",
    "Africa": "NG=Nigeria|KE=Kenya|GH=Ghana|ZA=South Africa|ET=Ethiopia|TZ=Tanzania|UG=Uganda|RW=Rwanda|SN=Senegal"
    "|CI=Ivory Coast,Cote Divoire,Cote d'Ivoire,Côte d'Ivoire|CM=Cameroon|ZM=Zambia|ZW=Zimbabwe|NA=Namibia|BW=Botswana"
    "|MZ=Mozambique|AO=Angola|CD=Democratic Republic of the Congo|CG=Congo|SC=Seychelles|MU=Mauritius|MG=Madagascar"
    "|MW=Malawi|ML=Mali|BF=Burkina Faso|NE=Niger|TG=Togo|BJ=Benin|SL=Sierra Leone|LR=Liberia|GM=Gambia|GN=Guinea"
    "|GA=Gabon|SD=Sudan|SO=Somalia|LS=Lesotho|SZ=Eswatini|CV=Cape Verde|TD=Chad|MR=Mauritania",
    "South Asia": "IN=India|PK=Pakistan|BD=Bangladesh|LK=Sri Lanka|NP=Nepal|BT=Bhutan|MV=Maldives|AF=Afghanistan",
    "Southeast Asia": "SG=Singapore|ID=Indonesia|MY=Malaysia|PH=Philippines|TH=Thailand|VN=Vietnam,Viet Nam"
    "|KH=Cambodia|LA=Laos|MM=Myanmar|BN=Brunei|TL=Timor-Leste",
    "East Asia": "CN=China|HK=Hong Kong|TW=Taiwan|JP=Japan|KR=South Korea,Korea,Republic of Korea|MO=Macau,Macao"
    "|MN=Mongolia|KP=North Korea",
    "Central Asia": "KZ=Kazakhstan|UZ=Uzbekistan|KG=Kyrgyzstan|TJ=Tajikistan|TM=Turkmenistan|AM=Armenia|GE=Georgia"
    "|AZ=Azerbaijan",
    "Oceania": "AU=Australia|NZ=New Zealand|FJ=Fiji|PG=Papua New Guinea|WS=Samoa|TO=Tonga|VU=Vanuatu",
}

_CODES: dict[str, str] = {}
REGION_OF: dict[str, str] = {}
for _region, _text in _REGIONS.items():
    for _entry in _text.split("|"):
        _code, _, _names = _entry.partition("=")
        REGION_OF[_code] = _region
        _CODES[_code.casefold()] = _code
        for _name in _names.split(","):
            _CODES[_name.casefold()] = _code

_REGION_WORDS = {
    **{name.casefold(): name for name in _REGIONS},
    "america / canada": "North America",
    "south america": "Latin America",
    "central america": "Latin America",
    "western europe": "Europe",
    "northern europe": "Europe",
    "southern europe": "Europe",
    "eastern europe": "Europe",
    "southern asia": "South Asia",
    "south-eastern asia": "Southeast Asia",
    "eastern asia": "East Asia",
    "western asia": "Middle East and North Africa",
    "northern africa": "Middle East and North Africa",
    "sub-saharan africa": "Africa",
}


def country_code(name: str) -> str | None:
    """The alpha-2 code for a country's name or code (without regard to case), or None where it is not known."""
    return _CODES.get(name.strip().casefold())


def region_name(word: str) -> str | None:
    """One vocabulary for the names of world regions, or None for a word that is no region."""
    return _REGION_WORDS.get(word.strip().casefold())
