"""An explorer driven by the keyboard, in JupyterLab as `make lab` starts it, in a real browser.

Left out where Chromium is not installed. Everything that Lab and the browser write goes to a
folder that is thrown away, so the test neither sees nor changes anybody's settings.
"""

import os
import re
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
explore.show(explore.warp(models.Flow(depth=4), data.load('moons')), layers=2)
flow = models.RealNVP(width=4, blocks=1)
explore.show(explore.fill(flow, data.load('digits', 'test'), steps=4))
gan = models.DCGAN(shape=(3, 32, 32), width=4, latent=12)
z, factors = explore.judged_draws(gan, 100)
explore.show(explore.walk(gan))
explore.show(explore.attributes(gan, {'first': 300 * z[0], 'second': z[1]}))
explore.show(explore.arithmetic(gan, z))
explore.show(explore.transposed())
explore.show(explore.face_factors())
told = models.CVAEGAN(width=4, dense=16)
for make in (explore.class_style, explore.morph, explore.transfer):
    explore.show(make(told))
small = models.CVAEGAN('faces', shape=(3, 32, 32), width=4, dense=16)
explore.show(explore.told_attributes(small))
for make in (explore.two_kls, explore.reparameterisation, explore.line_flow):
    explore.show(make())
explore.show(explore.four_players())
explore.show(explore.playground(), target='your drawing')
"""
SHOWN = ("minimax", "latent_plane", "temperature", "pointed", "warp", "fill", "walk")
SHOWN += ("attributes", "arithmetic", "transposed", "face_factors")
SHOWN += ("class_style", "morph", "transfer", "told_attributes")
SHOWN += ("two_kls", "reparameterisation", "line_flow", "four_players", "playground")
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
        context.set_default_timeout(30_000)
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
        found.nth(len(SHOWN) - 1).locator("img.widget-image").wait_for()
    except Exception:
        pytest.fail(
            "no explorers; the page says:\n" + page.locator(".jp-Notebook").inner_text()
        )
    return found


def handle(explorer):
    """What takes the arrow keys first: a slider, or where there is none, a list of choices."""
    sliders = explorer.get_by_role("slider")
    return sliders.first if sliders.count() else explorer.locator("select").first


@pytest.mark.parametrize(("number", "name"), list(enumerate(SHOWN)))
def test_arrow_keys_move_an_explorer(page, explorers, number, name):
    explorer = explorers.nth(number)
    picture, slider = explorer.locator("img.widget-image"), handle(explorer)
    keys = ("ArrowRight", "ArrowLeft") if name != "four_players" else ("ArrowDown", "ArrowUp")
    for key in keys[::-1] if name == "told_attributes" else keys:  # it begins at the right end
        before = [number, picture.get_attribute("src"), explorer.inner_text()]
        slider.focus()
        for _ in range(3):
            page.keyboard.press(key)
        page.wait_for_function(
            """([number, src, text]) => {
                const explorer = document.querySelectorAll('.course-explorer')[number];
                const picture = explorer.querySelector('img.widget-image');
                return picture.src !== src && explorer.innerText !== text;
            }""",
            arg=before,
        )


# Where the mouse goes down and up, in fractions of a layer, and what then stands below.
MOUSE = {
    "pointed": (0, (0.2, 0.2), (0.75, 4 / 6), "x = (1.50, −1.00) lands on"),
    "latent_plane": (
        0,
        (0.7, 0.6),
        (0.8413, 0.8413),
        "z = (1.00, −1.00): 1.41 from the origin",
    ),
    "fill": (0, (4.5 / 28, 6.5 / 28), (15.5 / 28, 27.5 / 28), "rows 6 to 27, columns 4 to 15"),
    "walk": (0, (0.92, 0.12), (0.08, 0.88), "From 5 to 18, spherical"),
    "transposed": (0, (0.1, 0.1), (0.9, 0.9), "Stamp 9 of 9: 1 times the kernel"),
    "morph": (0, (0.5 / 7, 6.5 / 7), (6.5 / 7, 0.5 / 7), "Style 1.00 of the way from seed 1"),
    "transfer": (0, (0.2, 0.1), (0.7, 0.75), "Your drawing is taken for a"),
    "two_kls": (0, (0.3, 0.3), (0.5, 0.5), "q = N(0.00, 0.74²)"),
    "reparameterisation": (0, (0.5, 0.95), (0.75, 0.95), "z = −0.60 + 0.70 · 2.25"),
    "line_flow": (0, (4 / 6, 0.5), (4 / 6, 0.25), "lie at x = −1.21, 0.28, 2.11"),
    "four_players": (0, (0.1, 0.94), (0.1, 0.94), "Your guess: E has a gradient and"),
    "playground": (0, (0.75, 0.25), (0.9, 0.5), "(the target's by 0.61)"),
}


@pytest.mark.parametrize("name", MOUSE)
def test_the_mouse_sets_what_lies_under_it_and_the_sliders_follow(page, explorers, name):
    number, begin, end, wanted = MOUSE[name]
    explorer = explorers.nth(SHOWN.index(name))
    picture, layer = (
        explorer.locator("img.widget-image"),
        explorer.locator(".course-layer").nth(number),
    )
    layer.scroll_into_view_if_needed()
    box = layer.bounding_box()
    set_to = lambda: (
        explorer.locator(".widget-readout").all_inner_texts(),
        explorer.locator("select").evaluate_all("lists => lists.map(list => list.value)"),
    )
    before = picture.get_attribute("src"), set_to()
    for step, (x, y) in enumerate((begin, end)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    explorer.get_by_text(wanted).wait_for()
    assert picture.get_attribute("src") != before[0]
    assert set_to() != before[1]
    page.mouse.move(box["x"] + 5, box["y"] + 5)  # not pressed: nothing follows
    page.wait_for_timeout(300)
    assert wanted in explorer.inner_text()


def test_a_finger_draws_as_the_mouse_does(page, explorers):
    """Touch, as the browser emulates it: the page stays where it is, the knot comes along."""
    explorer = explorers.nth(SHOWN.index("line_flow"))
    explorer.get_by_role("button", name="reset").click()
    layer = explorer.locator(".course-layer").first
    layer.scroll_into_view_if_needed()
    box = layer.bounding_box()
    devices = page.context.new_cdp_session(page)
    devices.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    for kind, y in (("touchStart", 0.5), ("touchMove", 0.4), ("touchMove", 0.25)):
        at = {"x": box["x"] + 4 / 6 * box["width"], "y": box["y"] + y * box["height"]}
        devices.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    devices.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    devices.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    explorer.get_by_text(MOUSE["line_flow"][3]).wait_for()
    assert layer.bounding_box() == box


def test_the_picture_has_alternative_text(explorers):
    explorers.first.locator("img.widget-image[alt^='The path of two players']").wait_for(
        state="attached"
    )


def test_reset_and_play(page, explorers):
    from playwright.sync_api import expect

    explorer = explorers.nth(SHOWN.index("warp"))
    text = explorer.locator(".course-readout")
    explorer.get_by_role("button", name="reset").click()
    text.get_by_text("2 of ").wait_for()
    explorer.get_by_role("button", name="play").click()
    text.get_by_text("5 of 5 layers").wait_for()
    explorer.get_by_role("button", name="to start").click()
    text.get_by_text("0 of 5 layers").wait_for()
    repeat = explorer.get_by_role("button", name="repeat")
    repeat.click()
    explorer.get_by_role("button", name="play").click()
    explorer.get_by_role("button", name="pause").wait_for()
    explorer.get_by_role("button", name="reset").click()
    explorer.get_by_role("button", name="play").wait_for()  # while it plays, it also passes 2
    text.get_by_text("2 of ").wait_for()
    expect(repeat).not_to_have_class(re.compile("mod-active"))


def test_what_is_typed_lights_its_loss_and_stays_under_the_hand(explorers):
    explorer = explorers.nth(SHOWN.index("four_players"))
    field = explorer.get_by_label("L_GC", exact=True)
    field.press_sequentially("mow")
    explorer.get_by_text(
        "L_GC: only m, r, n, ?, at most 4 letters; the rest of “mow”"
    ).wait_for()
    assert field.input_value() == "mow"
    assert explorer.get_by_label("loss", exact=True).input_value() == "L_GC"
    explorer.get_by_role("button", name="reset").click()
    explorer.get_by_text("L_G. It asks").wait_for()
    assert field.input_value() == ""


def test_sliders_have_names_for_whoever_hears_the_page(explorers):
    """Each by its label."""
    for number, name in enumerate(SHOWN):
        explorer = explorers.nth(number)
        sliders = explorer.get_by_role("slider")
        for slider in sliders.all():
            label = slider.get_attribute("aria-label")
            assert label and explorer.get_by_text(label, exact=True).count(), name


@pytest.mark.parametrize("width", [1024, 1400])
def test_nothing_is_off_the_screen(page, explorers, width):
    """No bar to scroll sideways; where there is room, controls beside the picture."""
    page.set_viewport_size({"width": width, "height": 768})
    page.wait_for_timeout(500)
    for number, name in enumerate(SHOWN):
        explorer = explorers.nth(number)
        over = explorer.evaluate(
            """box => [box, ...box.querySelectorAll('.widget-vbox, .widget-gridbox, .widget-hbox')]
                .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.className)"""
        )
        assert over == [], f"{name} at {width}"
        picture, slider = (
            explorer.locator("img.widget-image"),
            handle(explorer),
        )
        left, right = picture.bounding_box(), slider.bounding_box()
        assert left["x"] + left["width"] <= width
        if width == 1400 and name != "face_factors":
            assert right["x"] > left["x"] + left["width"] - 1, f"{name}: beside the picture"
    page.set_viewport_size({"width": 1280, "height": 900})


def test_the_next_day_the_pictures_stand(page, explorers, served):
    """Saved, and opened again with another kernel: every first view, its alternative text, and
    how it comes alive; nothing that frightens."""
    address, token = served
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.evaluate(
        """async token => {
            const url = `/api/sessions?token=${token}`;
            for (const {id} of await (await fetch(url)).json())
                await window.jupyterapp.serviceManager.sessions.shutdown(id);
        }""",
        token,
    )
    page.goto(
        f"{address}/lab/tree/work/explorer.ipynb?token={token}&reset",
        wait_until="domcontentloaded",
    )
    page.wait_for_function(READY)
    stills = page.locator("[id^=course-still] img[alt]")
    stills.last.wait_for()
    page.wait_for_timeout(3000)
    assert stills.count() == len(SHOWN)
    for number in range(len(SHOWN)):
        assert stills.nth(number).is_visible() and stills.nth(number).get_attribute("alt")
    words = page.locator(".jp-Notebook").inner_text()
    assert words.count("Run this cell to make it move") == len(SHOWN)
    for fright in ("model not found", "Error displaying widget", "Loading widget"):
        assert fright not in words
    visible = page.locator(".course-explorer").filter(visible=True)
    assert visible.count() == 0, "what is dead is not shown beside its picture"
