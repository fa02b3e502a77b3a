"""The promises of `plain_text`, tested through its results only."""

import pytest

from app.modalities.text.plain_text import MAX_CHARS, clean, plain_text

ORDINARY = [
    "the day is good",
    "Hello, how are you?",
    "Grüße aus 東京 🎉",
    "3 < 4 and 5 > 2",
    "I'll be there at 10",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_plain_text_keeps_words_in_lower_case(text: str) -> None:
    made = plain_text(text).casefold()
    assert [word for word in text.casefold().split() if word not in made] == []


@pytest.mark.parametrize(
    "text",
    [
        *ORDINARY,
        "<p>Hello <b>you</b></p>",
        "see http://example.com/a?b=c or mail me@example.com",
        "call 0123456789 now!!!!!!!! -------",
        "one\n\n\ttwo",
    ],
)
def test_plain_text_is_idempotent(text: str) -> None:
    once = plain_text(text)
    assert plain_text(once) == once


@pytest.mark.parametrize("text", ["", " ", "\n\t\r", "\u200b", "\ufeff"])
def test_empty_text_stays_empty(text: str) -> None:
    assert plain_text(text) == ""


def test_markup_is_removed_and_words_stay() -> None:
    marked = "<html><body><p>Win <b>money</b> now</p><script>var x = 1</script></body></html>"
    made = plain_text(marked).casefold()
    assert made.endswith("win money now")
    assert not set("<>=") & set(made)


def test_plain_text_is_deterministic() -> None:
    assert plain_text("<p>One") == plain_text("<p>One")


def test_plain_text_is_one_line() -> None:
    assert plain_text("a\r\nb\u2028c\x0bd") == "a b c d"


HOSTILE = [
    "<",
    "<!--",
    "<script>",
    "<a ",
    "</",
    "&#",
    "&#9",
    "&#x",
    "&amp;",
    "&",
    "a@",
    "@a",
    "a.",
    "www.",
    "http://",
    "-",
    "9",
    " ",
    "\n",
    "\u0301",
    "\ufdfa",  # NFKC makes eighteen characters of it
    "\U0001f468\u200d",
    "\u202e",
    "\0",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_input_is_read_in_linear_time(piece: str) -> None:
    """Quadratic time would be hours."""
    made = plain_text(piece * (1_000_000 // len(piece)))
    assert len(made) < 1_000_000


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_input_within_markup(piece: str) -> None:
    plain_text("<p>" + piece * (300_000 // len(piece)) + "</p>")


@pytest.mark.parametrize("text", ["\ud800", "good \udfff bad", "<p>\ud800</p>"])
def test_lone_surrogates_are_removed(text: str) -> None:
    plain_text(text).encode()


def test_a_long_text_is_cut_at_the_same_place_whatever_follows() -> None:
    for piece in ("a ", "a\n\n", "word ", "x"):
        kept = clean(piece * (MAX_CHARS + 1))
        assert kept == clean(piece * (3 * MAX_CHARS))
        assert kept[1]


def test_letters_that_become_many_are_cut() -> None:
    text, cut = clean("ﷺ" * MAX_CHARS)
    assert cut
    assert len(text) <= 2 * MAX_CHARS
    assert clean("ﷺ" * 1000)[1] is False
