# Install Chromium for the tests of the console: Playwright's own, or else the system's. Says what to do where neither can be had.
set -u
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  if command -v "$name" >/dev/null; then
    echo "Chromium is here: $(command -v "$name")"
    exit 0
  fi
done
if timeout 100 playwright install chromium; then
  exit 0
fi
echo "Playwright could not download its Chromium; trying the system's package." >&2
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium && exit 0
fi
echo "No Chromium could be installed here, so the tests in a browser are skipped. Install Chromium or Chrome by hand" >&2
echo "(Debian: apt-get install chromium), or name one in BACKBURNER_CHROMIUM." >&2
exit 1
