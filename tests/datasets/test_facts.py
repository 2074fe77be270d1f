from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import sysconfig
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from superpos import facts
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import InputError

pytestmark = pytest.mark.stdlib

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("SUPERPOS_SHARED_DATA", ROOT / ".." / "shared" / "data"))
LABELS = {
    "athlete_sport": {"baseball", "association football", "basketball", "ice hockey", "American football"},
    "political_party": {"Democratic", "Republican"},
    "occupation": {"politician", "actor", "researcher", "singer", "journalist", "athlete"},
    "is_alive": {"alive", "dead"},
    "sex_or_gender": {"female", "male"},
}
SUFFIXES = {"jr", "sr", "ii", "iii", "iv"}
PARTICLES = {"van", "von", "de", "da", "di", "du", "la", "le", "bin", "ibn", "del", "der", "den"}


def folded(text: str) -> str:
    """Letters without diacritics and case, everything else a space."""
    marks = unicodedata.normalize("NFKD", text.replace("ø", "o").replace("Ø", "O"))
    bare = "".join(c for c in marks if not unicodedata.combining(c)).casefold()
    return " ".join(re.sub(r"[^a-z]+", " ", bare).split())


def surname(name: str) -> str:
    return name.rsplit(maxsplit=1)[-1]


def labels_by_name(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for person, label in facts.fact_list(name):
        found[folded(person)].add(label)
    return found


def shared_rows(file: str) -> list[dict[str, str]]:
    path = SHARED / "entities" / file
    if not path.is_file():
        pytest.skip(f"{file} is not here; set SUPERPOS_SHARED_DATA")
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def nano_tokens() -> TokenTable:
    return load_tokens(ROOT / "superpos" / "models" / "nano")


def test_every_list_and_only_those() -> None:
    assert set(facts.FACTS) == set(LABELS)
    csv_files = {path.stem for path in facts.fact_file("occupation").parent.glob("*.csv")}
    assert csv_files == set(facts.FACTS) | set(facts.BIGRAMS)


@pytest.mark.parametrize("name", LABELS)
def test_file_is_plain_csv(name: str) -> None:
    raw = facts.fact_file(name).read_bytes()
    text = raw.decode("utf-8")
    assert text.startswith("name,label\n")
    assert text.endswith("\n")
    assert "\r" not in text
    assert unicodedata.normalize("NFC", text) == text
    lines = text.splitlines()[1:]
    assert all(line.count(",") == 1 and '"' not in line and line.strip() == line for line in lines)
    assert [tuple(line.split(",")) for line in lines] == list(facts.fact_list(name))


@pytest.mark.parametrize("name", LABELS)
def test_sixty_names_per_value(name: str) -> None:
    counts = Counter(label for _, label in facts.fact_list(name))
    assert set(counts) == LABELS[name]
    assert min(counts.values()) >= 60
    assert max(counts.values()) <= 2 * min(counts.values())


@pytest.mark.parametrize("name", LABELS)
def test_no_name_twice(name: str) -> None:
    counts = Counter(folded(person) for person, _ in facts.fact_list(name))
    assert [person for person, count in counts.items() if count > 1] == []
    assert all(len(labels) == 1 for labels in labels_by_name(name).values())


@pytest.mark.parametrize("name", LABELS)
def test_every_name_has_a_surname_of_one_word(name: str) -> None:
    for person, _ in facts.fact_list(name):
        words = person.split(" ")
        assert len(words) >= 2, person
        last = folded(words[-1]).replace(" ", "")
        assert len(last) >= 3 or last == "ali", person
        assert words[-1][0].isupper() or "'" in words[-1], person
        assert last not in SUFFIXES, person
        assert not PARTICLES & {word.lower() for word in words[1:-1]}, person
        assert len(words[0].rstrip(".")) > 1, person


@pytest.mark.parametrize("name", LABELS)
def test_surnames_belong_to_one_value(name: str) -> None:
    values: dict[str, set[str]] = defaultdict(set)
    for person, label in facts.fact_list(name):
        values[folded(surname(person))].add(label)
    assert {last: labels for last, labels in values.items() if len(labels) > 1} == {}


def test_sports_agree_with_the_shared_table() -> None:
    known = labels_by_name("athlete_sport")
    sports: dict[str, set[str]] = defaultdict(set)
    for row in shared_rows("athletes.csv"):
        sports[folded(row["name"])].add(row["sport"].replace("_", " ").casefold())
    common = known.keys() & sports.keys()
    assert len(common) >= 30
    for person in common:
        assert {label.casefold() for label in known[person]} == sports[person], person


def test_parties_agree_with_the_shared_table() -> None:
    known = labels_by_name("political_party")
    names = {"Democrat": "Democratic", "Republican": "Republican"}
    parties: dict[str, set[str]] = defaultdict(set)
    for row in shared_rows("politicians.csv"):
        parties[folded(row["name"])].add(names[row["party"]])
    common = known.keys() & parties.keys()
    assert len(common) >= 8
    for person in common:
        assert known[person] == parties[person], person


def test_lists_agree_with_each_other() -> None:
    """An athlete or politician of one list is not something else in the list of occupations."""
    occupation = labels_by_name("occupation")
    for name, expected in (("athlete_sport", "athlete"), ("political_party", "politician")):
        common = labels_by_name(name).keys() & occupation.keys()
        assert len(common) >= 5
        assert {person for person in common if occupation[person] != {expected}} == set()
    assert not labels_by_name("athlete_sport").keys() & labels_by_name("political_party").keys()


def test_value_is_not_the_gender() -> None:
    """Women and men under both values of `is_alive` and in every occupation, as far as given names tell."""
    given: dict[str, set[str]] = defaultdict(set)
    for person, label in facts.fact_list("sex_or_gender"):
        given[person.split()[0]].add(label)
    clear = {first: next(iter(labels)) for first, labels in given.items() if len(labels) == 1}
    for name in ("is_alive", "occupation"):
        for value in LABELS[name]:
            people = [person for person, label in facts.fact_list(name) if label == value]
            counts = Counter(clear[person.split()[0]] for person in people if person.split()[0] in clear)
            assert min(counts["female"], counts["male"]) >= 7, (value, counts)
            assert 0.25 <= counts["female"] / counts.total() <= 0.75, (value, counts)


@pytest.mark.parametrize("name", [*LABELS, facts.NEUTRAL])
def test_templates_end_at_the_name(name: str) -> None:
    lines = facts.templates(name)
    assert 5 <= len(lines) <= 8
    assert len(set(lines)) == len(lines)
    for line in lines:
        assert line.endswith(" {name}")
        assert line.count("{") == line.count("}") == 1
        assert line.format(name="Ada Lovelace").endswith(" Ada Lovelace")
        words = set(folded(line).split())
        assert not words & {
            "he",
            "she",
            "him",
            "her",
            "his",
            "hers",
            "man",
            "woman",
            "dead",
            "died",
            "alive",
            "late",
        }
        if name != facts.NEUTRAL:
            for label in LABELS[name]:
                assert not set(folded(label).split()) & words, line


def test_templates_are_not_shared() -> None:
    lines = [line for name in [*LABELS, facts.NEUTRAL] for line in facts.templates(name)]
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("name", LABELS)
def test_surname_has_tokens_of_its_own(name: str, nano_tokens: TokenTable) -> None:
    check_surname_tokens(name, nano_tokens)


@pytest.mark.parametrize("name", LABELS)
def test_surname_has_tokens_of_its_own_in_pythia(name: str, pythia_tokenizer: Path) -> None:
    check_surname_tokens(name, load_tokens(pythia_tokenizer))


def check_surname_tokens(name: str, tokens: TokenTable) -> None:
    """A token is the surname's own if its bytes, up to a leading space, lie within the surname."""
    for person, _ in facts.fact_list(name):
        for template in facts.templates(name):
            text = template.format(name=person)
            ids = tokens.encode(text)
            spelled = [tokens.token_bytes[index] for index in ids]
            assert b"".join(spelled) == text.encode("utf-8")
            start = len(text.encode("utf-8")) - len(surname(person).encode("utf-8"))
            ends = [0]
            for piece in spelled:
                ends.append(ends[-1] + len(piece))
            own = [left for left, right in pairwise(ends) if left >= start - 1 and right > start]
            assert own, text
            assert own[0] in (start - 1, start), text


def test_bigram_lists() -> None:
    assert len(facts.bigrams("compound_words")) == 21
    assert facts.bigrams("compound_words")[0] == ("high", "school")
    assert facts.bigrams("compound_words")[-1] == ("mental", "health")
    for name in facts.BIGRAMS:
        pairs = facts.bigrams(name)
        assert len(set(pairs)) == len(pairs) >= 8
        assert all(word.isalpha() and word.islower() for pair in pairs for word in pair)


def test_python_words_are_frequent_in_the_standard_library() -> None:
    """Each pair about as often as NOTES.md counts it, and each word at least as often beside another word.

    The counts are of Python 3.11, whose patch releases get a tenth of room; text comes and goes between
    releases, but a pair that has lost half of its places should be exchanged for another.
    """
    library = Path(sysconfig.get_path("stdlib"))
    if not (library / "test" / "test_grammar.py").is_file():
        pytest.skip("this installation of Python came without its own tests")
    sources = {
        path.read_bytes()
        for path in library.rglob("*.py")
        if not {"site-packages", "dist-packages"} & set(path.relative_to(library).parts)
    }
    text = "\n".join(source.decode("utf-8", errors="replace") for source in sources)
    notes = (Path(facts.__file__).parent / "NOTES.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+ \w+) \| (\d+) \|", notes, re.MULTILINE)
    counted = {pair: int(count) for pair, count in rows}
    share = 0.9 if sys.version_info[:2] == (3, 11) else 0.5
    end = r"(?![A-Za-z0-9_])"
    for first, second in facts.bigrams("python_words"):
        together = len(re.findall(rf"{first} {second}{end}", text))
        before = len(re.findall(rf"{second}{end}(?<=[A-Za-z] {second})", text)) - together
        after = len(re.findall(rf"{first} [A-Za-z]", text)) - together
        assert together >= share * counted[f"{first} {second}"], (first, second, together)
        assert min(before, after) >= 0.9 * together, (first, second, together, before, after)


def test_token_lists() -> None:
    assert set(facts.token_lists()) >= {"digits", "weekdays", "months", "colours", "sports", "number_words"}
    for name in facts.token_lists():
        words = facts.token_list(name)
        assert len(set(words)) == len(words) >= 4
        assert all(word == word.strip() and word.isalnum() for word in words)
    assert "".join(facts.token_list("digits")) == "0123456789"
    assert len(facts.token_list("weekdays")) == 7
    assert len(facts.token_list("months")) == 12
    assert len(facts.token_list("colours")) >= 11
    assert len(facts.token_list("sports")) >= 10
    assert len(facts.token_list("number_words")) == 13
    assert "order" not in facts.token_lists()


def test_lists_that_have_an_order_say_which() -> None:
    orders = {name: facts.order_of_words(facts.token_list(name)) for name in facts.token_lists()}
    found = {name: order.label for name, order in orders.items() if order is not None}
    assert found == {
        "digits": "linear",
        "number_words": "linear",
        "weekdays": "cyclic",
        "months": "cyclic",
        "seasons": "cyclic",
        "directions": "cyclic",
        "planets": "linear",
    }
    for name in found:
        order = orders[name]
        assert order is not None
        assert order.is_whole
        assert order.places == tuple(range(order.size))


def test_words_have_the_order_of_their_list_alone() -> None:
    order = facts.order_of_words(["Sunday", "Monday", "Friday"])
    assert order == facts.ListOrder("weekdays", (6, 0, 4), 7, cyclic=True)
    assert not order.is_whole
    for words in (
        ["Monday", "Tuesday"],
        ["Monday", "Tuesday", "May"],
        ["red", "green", "blue"],
        ["1", "2", "1"],
        [],
    ):
        assert facts.order_of_words(words) is None


def test_unknown_names_are_refused() -> None:
    for function in (facts.fact_file, facts.fact_list, facts.templates):
        with pytest.raises(InputError, match=r"occupations.*athlete_sport.*did you mean 'occupation'"):
            function("occupations")
    for function in (facts.bigrams, facts.bigram_file):
        with pytest.raises(InputError, match=r"bigram list; allowed: compound_words, python_words"):
            function("nothing")
    with pytest.raises(InputError, match=r"token list; allowed: .*weekdays"):
        facts.token_list("nothing")


def test_import_reads_no_file() -> None:
    code = (
        "import sys, builtins, pathlib\n"
        "def refuse(self, *args, **kwargs): raise RuntimeError(self)\n"
        "pathlib.Path.open = pathlib.Path.read_text = refuse\n"
        "import superpos.facts\n"
        "assert not {'torch', 'sklearn', 'pandas', 'tokenizers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
