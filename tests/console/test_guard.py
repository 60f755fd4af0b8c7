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
    """The status of a request with exactly these headers: a `host` of its own, say."""
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
    """Not even what the page is made of."""
    for cookies in ({}, {f"backburner_{console.address.port}": "guessed"}):
        with httpx2.Client(base_url=console.origin, cookies=cookies) as stranger:
            for path in READ:
                answer = stranger.get(path)
                assert answer.status_code == 403, path
                assert "backburner console printed" in answer.text


def test_the_key_in_the_address_becomes_a_cookie_that_no_script_and_no_other_site_gets(console) -> None:
    """HttpOnly, and never sent with a request that another site began."""
    with httpx2.Client(base_url=console.origin) as browser:
        answer = browser.get("/", params={"token": console.address.token})
        told = answer.headers["set-cookie"]
        assert answer.status_code == 200
        assert told.startswith(f"backburner_{console.address.port}=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(told.split("; "))
        assert browser.get("/api/overview").status_code == 200
    assert "set-cookie" not in console.http.get("/").headers
    assert console.http.get("/", params={"token": "guessed"}).status_code == 200  # by its cookie
    assert raw(console, "GET", "/?token=guessed", cookie="") == 403
    assert raw(console, "GET", f"/api/overview?token={console.address.token}", cookie="") == 403


def test_the_address_given_to_the_browser_works_once(console) -> None:
    """Other users of the machine can read command lines: they find it used."""
    with httpx2.Client(base_url=console.origin) as browser:
        answer = browser.get(console.address.url_once)
        assert answer.status_code == 200
        assert console.address.ticket not in answer.headers["set-cookie"]
        assert browser.get("/api/overview").status_code == 200
    with httpx2.Client(base_url=console.origin) as other:
        assert other.get(console.address.url_once).status_code == 403
        assert other.get(console.address.url).status_code == 200


def test_another_name_that_points_here_is_refused(console) -> None:
    """DNS rebinding: the browser believes it asks its own site."""
    port = console.address.port
    assert raw(console, "GET", "/api/overview", host=f"127.0.0.1:{port}") == 200
    assert raw(console, "GET", "/api/overview", host=f"localhost:{port}") == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1:{port}.evil.example"):
        assert raw(console, "GET", "/api/overview", host=host) == 403, host
        assert raw(console, "GET", f"/?token={console.address.token}", host=host) == 403, host


def test_only_the_pages_own_origin_changes_something(console, cloud) -> None:
    """Cookies know no ports: what another local server's page sends has ours with it."""
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


def test_no_page_of_others_may_even_ask(console) -> None:
    """A picture or script of theirs that is ours; but a link to the printed address works from anywhere."""
    for site in ("cross-site", "same-site"):
        assert raw(console, "GET", "/api/overview", sec_fetch_site=site) == 403
        assert raw(console, "GET", "/static/main.js", sec_fetch_site=site) == 403
        assert raw(console, "GET", f"/?token={console.address.token}", sec_fetch_site=site, cookie="") == 200


def test_nothing_changes_but_by_post_and_put(console, cloud) -> None:
    """Whatever else is sent to what changes something."""
    for method in ("GET", "HEAD", "DELETE", "PATCH", "OPTIONS"):
        for _, path in CHANGES:
            assert console.http.request(method, path).status_code == 405, (method, path)
    assert cloud.keys("inbox/a/") == []


def test_every_answer_forbids_what_the_page_does_not_need(console) -> None:
    """No script but its own, no other host, no frame around it, nothing kept; markup from text is not possible."""
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


def test_what_is_not_there_is_404(console) -> None:
    """Nothing below the page's own folder leads out of it."""
    for path in ("/nowhere", "/static/nothing.js", "/static/../app.py", "/static/%2e%2e/app.py", "/api", "/content/"):
        assert raw(console, "GET", path) == 404, path
