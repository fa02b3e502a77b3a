"""Hosts and origins as clients and attackers write them."""

import pytest

from app.hosts import ANY_ORIGIN, HostPatterns, check_host_pattern, check_origin, host_of

HOSTS = {
    "example.com": "example.com",
    "EXAMPLE.com": "example.com",
    "example.com.": "example.com",
    "example.com:8000": "example.com",
    "example.com.:8000": "example.com",
    "example.com:": "example.com",
    "my_container": "my_container",
    "xn--bcher-kva.example": "xn--bcher-kva.example",
    "127.0.0.1:8000": "127.0.0.1",
    "[::1]": "[::1]",
    "[::1]:8000": "[::1]",
    "[0:0:0:0:0:0:0:1]:80": "[::1]",
    "[2001:DB8::A]": "[2001:db8::a]",
    "[::ffff:127.0.0.1]": "[::ffff:7f00:1]",
    "2130706433": "2130706433",  # a name, as far as this is concerned
    "127.0.0.1.evil.com": "127.0.0.1.evil.com",
}
NO_HOSTS = [
    *("", ".", "..", ":80", ".example.com", "example.com..", "example..com", "a" * 254),
    *("user@example.com", "example.com@evil.com", "user:password@example.com", "example.com:80:80"),
    *("example.com:80a", "example.com:+80", "example.com:123456", "example.com: 80", "a:80 "),
    *("http://example.com", "example.com/", "example.com?", "example.com#", "example.com\\"),
    *("example.com, evil.com", "example.com evil.com", "example.com\n", "example.com\0", "\t"),
    *("::1", "[::1", "::1]", "[]", "[::1]evil.com", "evil.com[::1]", "[::1].evil.com", "[[::1]]"),
    *("[::1%lo]", "[fe80::1%25eth0]", "[127.0.0.1]", "[v1.a]", "[:::]", "[1]", "[evil.com]"),
    *(
        "bücher.example",
        "example。com",
        "ｅxample.com",
        "%65xample.com",
        "*",
        "*.example.com",
        "\xa0",
    ),
]


@pytest.mark.parametrize(("field", "host"), HOSTS.items())
def test_a_host_is_compared_without_its_port_case_and_trailing_dot(field: str, host: str) -> None:
    assert host_of(field) == host


@pytest.mark.parametrize("field", NO_HOSTS)
def test_what_is_no_host_is_none(field: str) -> None:
    assert host_of(field) is None


@pytest.mark.parametrize("field", [*NO_HOSTS, "evil.com", "2130706433", "0x7f.1", "127.1", "[::2]"])
def test_nothing_but_what_is_listed_is_allowed(field: str) -> None:
    assert not HostPatterns(["example.com", "127.0.0.1", "::1"]).allow(field)


@pytest.mark.parametrize("field", ["a.example.com", "A.B.Example.com.:80", "_.example.com"])
def test_a_pattern_allows_every_name_below_it(field: str) -> None:
    assert HostPatterns(["*.Example.com"]).allow(field)


@pytest.mark.parametrize(
    "field",
    [
        *(
            "example.com",
            ".example.com",
            "..example.com",
            "badexample.com",
            "a.example.com.evil.com",
        ),
        *(
            "evil.com?.example.com",
            "evil.com:80.example.com",
            "a..example.com",
            "[::1].example.com",
        ),
    ],
)
def test_a_pattern_allows_nothing_else(field: str) -> None:
    assert not HostPatterns(["*.example.com"]).allow(field)


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Example.com.", "example.com"),
        ("*.Example.com", "*.example.com"),
        ("::1", "[::1]"),
        ("[0::1]", "[::1]"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_a_pattern_is_compared_like_a_host(written: str, compared: str) -> None:
    assert check_host_pattern(written) == compared


@pytest.mark.parametrize(
    "written",
    [
        *("", "*", "*.", "*.*.com", "a.*", "*a.com", "*.[::1]", "*.::1", "a:80", "[::1]:80"),
        *("[::1", "http://a", "a/", "u@a", "bücher.example", "fe80::1%eth0", "a b", "a,b"),
        "a\n",
    ],
)
def test_a_pattern_that_no_host_is_like_is_an_error(written: str) -> None:
    with pytest.raises(ValueError, match="expected host names or addresses without a port"):
        check_host_pattern(written)


@pytest.mark.parametrize(
    "written",
    [
        *("https://example.com", "http://localhost:3000", "http://[::1]:8080", "https://a:80"),
        *("chrome-extension://abcdef", ANY_ORIGIN),
    ],
)
def test_an_origin_is_kept_as_it_is_written(written: str) -> None:
    assert check_origin(written) == written


@pytest.mark.parametrize(
    "written",
    [
        *("", "null", "example.com", "https://", "https://example.com/"),
        *("https://example.com/page", "HTTPS://example.com", "https://Example.com"),
        *("https://example.com:443", "http://a:80", "https://*.example.com", "https://u@a"),
        *("https://a?", "https://a,https://b", "https://a\n", "https://[0::1]"),
        *("https://a:080", "https://a:", "//a", "https://bücher.example", "**"),
    ],
)
def test_an_origin_that_no_browser_writes_is_an_error(written: str) -> None:
    with pytest.raises(ValueError, match="expected origins as browsers write them"):
        check_origin(written)
