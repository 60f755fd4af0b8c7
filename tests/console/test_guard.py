"""Who may call the console: other pages of the same browser get nothing and change nothing."""

import http.client

import httpx2

from support.command_deployment import FAILED

READ = (
    "/",
    "/api/overview",
    "/api/jobs",
    "/api/failures",
    "/api/recipes",
    "/static/main.js",
    "/content/raw?key=inbox/a",
)
REPLAY = {"keys": [FAILED], "agreed": 1}
CHANGES = (("POST", "/api/replay"), ("POST", "/api/cancel"), ("PUT", "/api/upload?recipe=a&path=b.txt"))


def raw(console, method: str, path: str, **headers: str) -> int:
    """The status of a request with exactly these headers, for example another `host`."""
    connection = http.client.HTTPConnection("127.0.0.1", console.address.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    cookie = f"backburner_{console.address.port}={console.address.token}"
    given = {"host": f"127.0.0.1:{console.address.port}", "cookie": cookie} | headers
    for name, value in given.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_nothing_is_shown_without_the_key(console) -> None:
    """The page's own files are not either."""
    for cookies in ({}, {f"backburner_{console.address.port}": "guessed"}):
        with httpx2.Client(base_url=console.origin, cookies=cookies) as stranger:
            for path in READ:
                answer = stranger.get(path)
                assert answer.status_code == 403, path
                assert "backburner console printed" in answer.text


def test_the_key_in_the_address_becomes_a_protected_cookie(console) -> None:
    """It is HttpOnly, and never sent with a request that another site began."""
    with httpx2.Client(base_url=console.origin) as browser:
        answer = browser.get("/", params={"token": console.address.token})
        cookie = answer.headers["set-cookie"]
        assert answer.status_code == 200
        assert cookie.startswith(f"backburner_{console.address.port}=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert browser.get("/api/overview").status_code == 200
    assert "set-cookie" not in console.http.get("/").headers
    assert console.http.get("/", params={"token": "guessed"}).status_code == 200  # the cookie suffices
    assert raw(console, "GET", "/?token=guessed", cookie="") == 403
    assert raw(console, "GET", f"/api/overview?token={console.address.token}", cookie="") == 403


def test_the_address_given_to_the_browser_works_once(console) -> None:
    """Other users of the machine can read command lines, but find it used up."""
    with httpx2.Client(base_url=console.origin) as browser:
        answer = browser.get(console.address.url_once)
        assert answer.status_code == 200
        assert console.address.ticket not in answer.headers["set-cookie"]
        assert browser.get("/api/overview").status_code == 200
    with httpx2.Client(base_url=console.origin) as other:
        assert other.get(console.address.url_once).status_code == 403
        assert other.get(console.address.url).status_code == 200


def test_another_host_name_for_this_machine_is_refused(console) -> None:
    """In DNS rebinding, the browser believes that it calls its own site."""
    port = console.address.port
    assert raw(console, "GET", "/api/overview", host=f"127.0.0.1:{port}") == 200
    assert raw(console, "GET", "/api/overview", host=f"localhost:{port}") == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1:{port}.evil.example"):
        assert raw(console, "GET", "/api/overview", host=host) == 403, host
        assert raw(console, "GET", f"/?token={console.address.token}", host=host) == 403, host


def test_only_the_pages_own_origin_changes_something(console, cloud) -> None:
    """Cookies ignore ports: requests from another local server's page have our cookie."""
    console.ready()
    cloud.take("pending")
    del console.http.headers["origin"]
    port = console.address.port
    origins = (None, "null", "http://evil.example", "http://127.0.0.1:1", f"https://127.0.0.1:{port}")
    for origin in (*origins, f"http://localhost:{port}"):
        headers = {} if origin is None else {"origin": origin}
        for method, path in CHANGES:
            answer = console.http.request(method, path, json=REPLAY, headers=headers)
            assert answer.status_code == 403, (origin, path, answer.text)
    assert cloud.take("backlog") + cloud.take("pending") == []
    assert cloud.keys("inbox/a/") == []


def test_other_sites_may_not_even_read(console) -> None:
    """They cannot embed our pictures or scripts; a link to the printed address works from anywhere."""
    for site in ("cross-site", "same-site"):
        assert raw(console, "GET", "/api/overview", sec_fetch_site=site) == 403
        assert raw(console, "GET", "/static/main.js", sec_fetch_site=site) == 403
        assert raw(console, "GET", f"/?token={console.address.token}", sec_fetch_site=site, cookie="") == 200


def test_only_post_and_put_change_anything(console, cloud) -> None:
    """Other methods are refused on the paths that change something."""
    for method in ("GET", "HEAD", "DELETE", "PATCH", "OPTIONS"):
        for _, path in CHANGES:
            assert console.http.request(method, path).status_code == 405, (method, path)
    assert cloud.keys("inbox/a/") == []


def test_every_answer_forbids_what_the_page_does_not_need(console) -> None:
    """It allows only its own scripts, and no other host, framing, caching, or markup from text."""
    for path in (*READ, "/nowhere", "/api/jobs?sort=wrong"):
        headers = console.http.get(path).headers
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'", path
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        if path.startswith("/content/"):
            assert policy["frame-ancestors"] == "'self'"
            assert "script-src" not in policy
        else:
            assert (policy["script-src"], policy["connect-src"], policy["frame-ancestors"]) == (
                "'self'",
                "'self'",
                "'none'",
            )
            assert policy["require-trusted-types-for"] == "'script'"


def test_an_unknown_path_is_404(console) -> None:
    """No path leads out of the page's own folder."""
    for path in ("/nowhere", "/static/nothing.js", "/static/../app.py", "/static/%2e%2e/app.py", "/api", "/content/"):
        assert raw(console, "GET", path) == 404, path
