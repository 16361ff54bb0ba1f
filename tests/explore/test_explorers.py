"""What every explorer must do, whatever it shows: each control changes something, a state has
one picture, a redraw is fast enough for a slider, the shell shows what the function draws.

The explorers are MAKERS of the files named below; what they show is tested there.
"""

import html
import importlib
import inspect
import io
import re
import statistics
import time

import ipywidgets
import pytest
import torch
from PIL import Image
from shells import collisions, named, parts, pixels, run, symbols, tools, written

from course_lib import explore
from course_lib.explore.kit import widget as kit_widget
from course_lib.explore.kit.canvas import Canvas
from course_lib.explore.kit.controls import Choice, Letters, Toggle
from course_lib.explore.kit.strokes import MOST, Drawing
from course_lib.explore.kit.widget import within

torch.set_num_threads(1)

FILES = [
    importlib.import_module(f"test_{name}")
    for name in (
        "explore",
        "explore_ideas",
        "explore_faces",
        "explore_flows",
        "explore_hybrids",
        "explore_tell",
    )
]
MAKERS = {name: make for file in FILES for name, make in file.MAKERS.items()}
# Timed at the size of the course, where the file gives one; by the best of nine redraws where a
# network of that size computes, since neighbours slow that too, else by their median.
TIMED = {n: make for f in FILES for n, make in getattr(f, "TIMED", f.MAKERS).items()}
LARGE = {n for f in FILES if f.__name__.endswith(("_faces", "_hybrids")) for n in f.MAKERS}
# Explorers in which time or a path is explored.
PLAYED = {"minimax", "replay", "interpolation", "walk", "transposed", "temperature", "fill"}
PLAYED |= {"warp", "morph", "playground", "line_flow"}
SEVEN = "8.0,7.0 20.0,6.0 13.0,24.0; 10.0,16.0 18.0,15.0"
# How many states of a control may have the picture of another one: `letter` is the group that the
# mouse fills, the stride bounds the output padding, a label may be the one that was read, and a
# knot of a rising curve is lifted above the one before.
ALIKE = {"letter": 3, "output_padding": 1, "label": 1, "z4": 1, "z5": 1}
# Explorers whose text is a judge's verdict, if any, and controls that change the view alone.
SILENT = {"face_factors", "arithmetic given", "angle", "flow", "map", "letter", "grid"}


def states(control):
    """Ends and middle of a control, or some of its options."""
    if isinstance(control, Toggle):
        return [False, True]
    if isinstance(control, Drawing):
        return ["", "8.0,8.0 8.0,20.0", SEVEN]
    if isinstance(control, Letters):
        return ["", control.alphabet, control.alphabet[0] * control.most]
    if isinstance(control, Choice):
        return list(control.options)[:: 1 + len(control.options) // 6]
    if control.name == "ink":
        return [0, 2, 5]  # SEVEN has five points, and more ink than points is all of them
    middle = (control.low + control.high) / 2
    return [control.low, int(middle) if control.whole else middle, control.high]


def besides(explorer, control):
    """What else must be set for the control to matter: there is ink only in a drawing, and a
    game's rates are seen when it has been played."""
    own = "target" if explorer.name == "playground" else "image"
    if isinstance(control, Drawing):
        return {own: "your drawing", "ink": MOST}
    if control.name == "ink":
        return {own: "your drawing", "drawing": SEVEN}
    return {"step": 40} if control.name in ("d", "g", "rate") else {}


@pytest.fixture
def colliding(monkeypatch):
    """What lies on other words in all pictures that are finished meanwhile."""
    met, finish = set(), Canvas.finish

    def watched(canvas):
        met.update(collisions(canvas))
        return finish(canvas)

    monkeypatch.setattr(Canvas, "finish", watched)
    return met


@pytest.mark.parametrize("name", MAKERS)
def test_every_control_at_its_ends_and_middle(explorers, name, colliding):
    explorer = explorers[name]
    for control in explorer.controls:
        seen, said = [], set()
        for value in states(control):
            frame = explorer.frame(**besides(explorer, control) | {control.name: value})
            picture = Image.open(io.BytesIO(frame.png))
            picture.load()
            assert picture.format == "PNG" and picture.size == explorer.size
            assert len(frame.text) > 10 and "nan" not in frame.text
            seen.append(frame.png)
            said.add(frame.text)
        alike = len(seen) - len(set(seen))
        assert alike <= ALIKE.get(control.name, 0), f"{control.name} changes nothing"
        assert len(said) > 1 or {name, control.name} & SILENT, (
            f"{control.name} is not spoken of"
        )
    assert not colliding, "words lie on others"


@pytest.mark.parametrize("name", MAKERS)
def test_one_state_has_one_picture_in_whatever_order_it_was_asked_for(explorers, name):
    explorer, fresh = explorers[name], MAKERS[name]()
    first, last = (explorer.controls or [None])[0], (explorer.controls or [None])[-1]
    asked = [{}, explorer.start]
    if first is not None:
        asked[:0] = [
            {first.name: states(first)[0]},
            {last.name: states(last)[-1]} | besides(explorer, last),
        ]
    found = [explorer.frame(**state) for state in asked]
    assert found[-1] == found[-2]
    assert [fresh.frame(**state) for state in reversed(asked)] == found[::-1]


@pytest.mark.parametrize("name", TIMED)
def test_a_redraw_is_fast_enough_for_a_slider(explorers, name):
    """At most 60 ms on an idle core for the first view, which may be a lighter one; processor
    time, so that neighbours don't count."""
    explorer = explorers[name] if TIMED[name] is MAKERS.get(name) else TIMED[name]()
    first = explorer.controls[0]
    explorer.render()
    took = []
    for turn in range(9):
        begin = time.process_time()
        next(iter(explorer.frames(**{first.name: states(first)[turn % 2]})))
        took.append(time.process_time() - begin)
    assert (min if name in LARGE else statistics.median)(took) < 0.060


@pytest.mark.parametrize("name", MAKERS)
def test_the_shell_shows_what_the_pure_function_draws(explorers, name):
    explorer = explorers[name]
    box = explorer.widget()
    assert "course-explorer" in box._dom_classes
    inputs, image, readout, _ = parts(box)
    assert isinstance(image, ipywidgets.Image) and image.value == explorer.render()
    native = [control for control in explorer.controls if not isinstance(control, Drawing)]
    assert list(inputs) == [control.label for control in native], "each has a label of its own"
    for control in native:
        away = next(value for value in states(control)[::-1] if value != control.start)
        inputs[control.label].value = away
        assert explorer.state[control.name] == within(control, inputs[control.label].value)
        frame = explorer.frame(**explorer.state)
        assert image.value == frame.png and html.escape(frame.text) in readout.value
        assert 'aria-live="polite"' in readout.value
        tools(box)[-1].click()
        assert explorer.state == explorer.start


@pytest.mark.parametrize("name", MAKERS)
def test_reset_brings_every_control_back(explorers, name):
    explorer = explorers[name]
    state = explorer.start
    for control in explorer.controls:
        if not isinstance(control, Drawing):
            state |= {control.name: states(control)[-1]}
    others = [name for name in state if name != explorer.play] or list(state)
    begun = {name: state[name] for name in others[:1]}
    box = explorer.widget(**begun)
    inputs, image, *_ = parts(box)
    opened = image.value, {label: widget.value for label, widget in inputs.items()}
    for control in reversed(explorer.controls):  # the way last, since a long one takes long
        if control.label in inputs:
            inputs[control.label].value = state[control.name]
    tools(box)[-1].click()
    assert (image.value, {label: w.value for label, w in inputs.items()}) == opened
    assert explorer.state == explorer.start | begun


@pytest.mark.parametrize("name", MAKERS)
def test_play_goes_on_where_the_slider_stands_and_to_its_very_end(explorers, name, monkeypatch):
    """Also where no whole number of its steps leads there; from the end it starts anew."""
    explorer = explorers[name]
    if explorer.play is None:
        assert name.split()[0] not in PLAYED
        return
    slider = next(control for control in explorer.controls if control.name == explorer.play)
    monkeypatch.setattr(kit_widget, "TICK", 0.001)
    steps = (slider.high - slider.low) / slider.step
    monkeypatch.setattr(kit_widget, "RUN", steps * 0.001 / 2)  # so it goes by two
    box = explorer.widget()
    inputs, *_ = parts(box)
    native, player = inputs[slider.label], named(box)
    player["repeat"].value = True
    player["reset"].click()
    assert not player["repeat"].value, "reset clears it"
    native.value, values = slider.nearest(native.max - slider.step), []
    native.observe(lambda change: values.append(change["new"]), "value")
    run(box, lambda: not player["play"].value)
    assert values == [native.max]
    values.clear()
    run(box, lambda: values)
    assert values[0] == native.min, "from the end it starts anew"
    player["to start"].click()
    assert native.value == native.min and not player["play"].value
    player["play"].value = True
    player["reset"].click()
    assert native.value == slider.start and not player["play"].value


@pytest.mark.parametrize("name", MAKERS)
def test_every_control_says_what_it_is(explorers, name):
    box = explorers[name].widget()
    assert all(widget.tooltip == label for label, widget in parts(box)[0].items())
    wanted = {"play", "to start", "repeat"} if explorers[name].play else set()
    assert set(named(box)) == wanted | {"reset"}
    assert all(button.tooltip for button in tools(box))


@pytest.mark.parametrize("name", MAKERS)
def test_a_sheet_of_paper_stands_until_the_first_picture(explorers, name):
    """A browser draws a broken picture for none."""
    explorer = explorers[name]
    shell = kit_widget.Shell(explorer, explorer.start)
    assert pixels(shell.image.value).shape[1::-1] == explorer.size
    assert "Computing the first picture" in shell.readout.value
    shell.redraw(whole=True)
    assert shell.image.value == explorer.render() and "Computing" not in shell.readout.value


@pytest.mark.parametrize("name", MAKERS)
def test_the_picture_has_alternative_text_and_the_labels_one_width(explorers, name):
    explorer = explorers[name]
    box = explorer.widget()
    assert html.escape(explorer.about) in box.children[0].children[1].value
    widths = {
        w.style.description_width
        for w in parts(box)[0].values()
        if not isinstance(w, ipywidgets.Checkbox)
    }
    assert len(widths) <= 1, "sliders begin below each other"
    assert "-" not in "".join(re.findall(r"(?<!\w)-[\d.]", explorer.readout()))


@pytest.mark.parametrize("name", explore.names())
def test_each_letter_on_the_screen_is_spelled_out_there(explorers, name):
    """In the picture, on controls, in the readout, whatever is set; and no letter is spelled out
    that stands nowhere."""
    seen, spelled = set(), set()
    for explorer in (explorers[maker] for maker in MAKERS if maker.split()[0] == name):
        asked = [
            (c.name, v, besides(explorer, c)) for c in explorer.controls for v in states(c)
        ]
        for control, value, more in asked:
            for words in written(explorer, **more | {control: value}):
                missing = symbols(words) - set(explorer.letters)
                assert not missing, f"{missing} in {words!r} are not spelled out"
                seen |= symbols(words)
        spelled |= set(explorer.letters)
        *_, letters = explorer.widget().children[1].children
        for letter, words in explorer.letters.items():
            assert f"<b>{html.escape(letter)}</b> {html.escape(words)}" in letters.value
    assert spelled <= seen, "spelled out, but nowhere on the screen"


def test_letters_are_found_where_they_stand():
    assert symbols("log p(x|z₁) ≥ −KL, D's L_GD and x_f in a GAN: A, B") == set(
        "log p x z KL D L_GD x_f GAN A B".split()
    )
    assert symbols("a press on z[3], from a to b; G.fake, a 9; it's 60% of AAA") == set("zabGA")


def test_all_explorers_are_named_and_tested():
    assert all(callable(getattr(explore, name)) for name in explore.names())
    assert {name.split()[0] for name in MAKERS} == set(explore.names())


@pytest.mark.parametrize("name", explore.names())
def test_an_explorer_states_controls_computation_and_panels_only(name):
    """Some 60 lines; where its module is long, the first paragraph says why."""
    make = getattr(explore, name)
    source = inspect.getsource(make)
    own = len(source.splitlines()) - len(make.__doc__.splitlines())
    assert own <= 80
    module = inspect.getmodule(make)
    why = re.search("length|longer|a third of it|no other explorer", module.__doc__)
    assert why or len(inspect.getsource(module).splitlines()) <= 125
