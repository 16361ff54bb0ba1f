"""An explorer driven by the keyboard, in JupyterLab as `make lab` starts it, in a real browser.

Left out where Chromium is not installed. Everything that Lab and the browser write goes to a
folder that is thrown away, so the test neither sees nor changes anybody's settings.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
CODE = """\
from course_lib import data, explore, models
explore.show(explore.minimax())
explore.show(explore.latent_plane(models.VAE(hidden=(16,))))
explore.show(explore.temperature(models.RealNVP(width=4, blocks=1), rows=1, columns=3))
explore.show(explore.pointed(models.Flow()))
explore.show(explore.warp(models.Flow(), data.load('moons')), layers=2)
flow = models.RealNVP(width=4, blocks=1)
explore.show(explore.fill(flow, data.load('digits', 'test'), steps=4))
gan = models.DCGAN(shape=(3, 32, 32), width=4, latent=12)
z, factors = explore.judged_draws(gan, 100)
explore.show(explore.walk(gan))
explore.show(explore.attributes(gan, {'first': z[0], 'second': z[1]}))
explore.show(explore.arithmetic(gan, z))
explore.show(explore.transposed())
explore.show(explore.face_factors())
told = models.CVAEGAN(width=4, dense=16)
for make in (explore.class_style, explore.morph, explore.transfer):
    explore.show(make(told))
small = models.CVAEGAN('faces', shape=(3, 32, 32), width=4, dense=16)
explore.show(explore.told_attributes(small))
"""
SHOWN = ("minimax", "latent_plane", "temperature", "pointed", "warp", "fill", "walk")
SHOWN += ("attributes", "arithmetic", "transposed", "face_factors")
SHOWN += ("class_style", "morph", "transfer", "told_attributes")
READY = """async () => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    if (!panel?.sessionContext) return false;
    await panel.sessionContext.ready;
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel) return false;
    await kernel.info;
    return (await kernel.requestKernelInfo())?.content?.status === 'ok';
}"""

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="the browser test was left out: Chromium is not installed (apt install chromium)",
    ),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory, lab, root):
    """JupyterLab on the learner's copies plus one small notebook; gives its address."""
    home = tmp_path_factory.mktemp("lab")
    lab.hand_out(root / "notebooks", home / "work")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, home / "work" / "explorer.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    own = ("SETTINGS_DIR", "WORKSPACES_DIR")
    environment = (
        os.environ
        | lab.settings()
        | {f"JUPYTERLAB_{name}": str(home / name) for name in own}
        | {f"JUPYTER_{name}": str(home / name) for name in ("RUNTIME_DIR", "CONFIG_DIR")}
        | {"HOME": str(home), "IPYTHONDIR": str(home / "ipython")}
    )
    arguments = lab.arguments(
        home,
        [
            f"--port={port}",
            "--ip=127.0.0.1",
            "--no-browser",
            f"--IdentityProvider.token={token}",
            "--LabApp.expose_app_in_browser=True",
        ],
    )
    log = home / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments],
            cwd=home,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/api/status?token={token}", timeout=5
                )
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}", token
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def page(served, tmp_path_factory):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")),
            executable_path=CHROMIUM,
            args=FLAGS,
            viewport={"width": 1280, "height": 900},
        )
        context.set_default_timeout(60_000)
        yield context.pages[0]
        context.close()


def test_lab_opens_on_lesson_00(page, served):
    address, token = served
    page.goto(f"{address}/?token={token}", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook")
    assert "/work/00_" in page.evaluate("window.location.pathname")
    assert page.locator(".jp-toast, .Toastify__toast").all_inner_texts() == [], (
        "nothing pops up"
    )


@pytest.fixture(scope="module")
def explorers(page, served):
    """The small notebook, run when its kernel truly answers; an explorer for each in SHOWN."""
    address, token = served
    page.goto(
        f"{address}/lab/tree/work/explorer.ipynb?token={token}&reset",
        wait_until="domcontentloaded",
    )
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook")
    page.wait_for_function(READY)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    found = page.locator(".course-explorer")
    try:
        found.nth(len(SHOWN) - 1).locator("img").wait_for()
    except Exception:
        pytest.fail(
            "no explorers; the page says:\n" + page.locator(".jp-Notebook").inner_text()
        )
    return found


@pytest.mark.parametrize(("number", "name"), list(enumerate(SHOWN)))
def test_arrow_keys_move_an_explorer(page, explorers, number, name):
    explorer = explorers.nth(number)
    picture, slider = explorer.locator("img").first, explorer.get_by_role("slider").first
    for key in ("ArrowRight", "ArrowLeft"):
        before = [number, picture.get_attribute("src"), explorer.inner_text()]
        slider.focus()
        for _ in range(3):
            page.keyboard.press(key)
        page.wait_for_function(
            """([number, src, text]) => {
                const explorer = document.querySelectorAll('.course-explorer')[number];
                return explorer.querySelector('img').src !== src && explorer.innerText !== text;
            }""",
            arg=before,
        )


# Where the mouse goes down and up on the picture, in its own pixels, and what then stands below.
MOUSE = {
    "pointed": ((200, 100), (315, 293), "x = (1.50, −1.00) lands on"),
    "latent_plane": ((700, 300), (745, 389), "z = (1.00, -1.00): 1.41 from the origin"),
    "fill": ((50, 100), (150, 300), "missing: rows 6 to 27, columns 4 to 15. Step 0 of 4"),
    "walk": ((460 - 68, 60), (50, 260), "From 5 to 18, spherical"),
    "transposed": ((20, 60), (130, 160), "Stamp 9 of 9: 1 times the kernel"),
    "morph": ((60, 420), (417, 69), "Style 1.00 of the way from seed 1 to seed 2, label 1.00"),
    "transfer": ((60, 60), (200, 250), "Your drawing is taken for a"),
}


@pytest.mark.parametrize("name", MOUSE)
def test_the_mouse_sets_what_lies_under_it_and_the_sliders_follow(page, explorers, name):
    begin, end, wanted = MOUSE[name]
    explorer = explorers.nth(SHOWN.index(name))
    picture = explorer.locator("img").first
    picture.scroll_into_view_if_needed()
    shown, size = picture.bounding_box(), picture.evaluate("img => img.naturalWidth")
    scale = shown["width"] / size
    before = [
        picture.get_attribute("src"),
        explorer.locator(".widget-readout").all_inner_texts(),
    ]
    for step, (x, y) in enumerate((begin, end)):
        page.mouse.move(shown["x"] + (x + 0.5) * scale, shown["y"] + (y + 0.5) * scale)
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    explorer.get_by_text(wanted).wait_for()
    assert picture.get_attribute("src") != before[0]
    assert explorer.locator(".widget-readout").all_inner_texts() != before[1]
    page.mouse.move(shown["x"] + 5, shown["y"] + 5)  # not pressed: nothing follows
    page.wait_for_timeout(300)
    assert wanted in explorer.inner_text()
