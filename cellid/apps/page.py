"""The layout of the page, and what its controls do; the only module that knows Gradio."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cellid.apps.jobs import check_images, run_job
from cellid.apps.models import Models
from cellid.apps.runs import OfferedRun
from cellid.apps.sessions import Session, Sessions, Stopped
from cellid.apps.views import show_error, show_failure, show_note, show_results, show_welcome
from cellid.config import InputSettings, PageSettings
from cellid.errors import CellidError
from cellid.extras import import_extra
from cellid.io.images import IMAGE_SUFFIXES
from cellid.recipes import parse_settings

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when it is imported
gr = import_extra("gradio", "web")

if TYPE_CHECKING:
    Request: TypeAlias = Any
else:
    Request = gr.Request  # by which Gradio knows where to give one

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")

_LOG = logging.getLogger(__name__)
_JOBS = "jobs"
_FONTS = ["system-ui", "sans-serif"]  # the user's own: none is fetched
_SECONDS_KEPT = 3600  # of files in Gradio's own folder; sessions have links to them


def theme() -> Any:
    """Return colours, and fonts that every computer has."""
    plain = gr.themes.Default(primary_hue="teal", font=_FONTS, font_mono=["monospace"])
    # Gradio's own grey is too faint to read
    grey = {"body_text_color_subdued": "*neutral_600", "block_info_text_color": "*neutral_600"}
    return plain.set(**grey, body_text_color_subdued_dark="*neutral_300")


def build_page(
    offered: Mapping[str, OfferedRun], models: Models, sessions: Sessions, settings: PageSettings
) -> Any:
    """Return the page as Gradio's Blocks.

    Parameters
    ----------
    offered : mapping of str to OfferedRun
        What can be chosen, by name.
    models : Models
    sessions : Sessions
    settings : PageSettings
    """
    actions = _Actions(offered, models, sessions, settings)
    first = next(iter(offered.values()))
    with gr.Blocks(
        title="cellid", analytics_enabled=False, delete_cache=(_SECONDS_KEPT, _SECONDS_KEPT)
    ) as page:
        gr.HTML(
            "<h1>cellid</h1><p>Finds and counts cells in your microscope images. They stay on the "
            "computer that runs this page, and are removed when you close it.</p>",
            elem_classes="head",
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                run = gr.Dropdown(list(offered), value=first.name, label="1. Model")
                about = gr.HTML(show_note(first.describe()), padding=False)
                files = gr.File(
                    label="2. Images or stacks",
                    file_count="multiple",
                    file_types=list(IMAGE_SUFFIXES),
                    height=170,
                    elem_classes="files",
                )
                understood = gr.HTML(
                    show_note("TIFF, PNG or a microscope's own files."), padding=False
                )
                with gr.Accordion("Axes, channel, pixel size (only if asked for)", open=False):
                    axes = gr.Textbox(
                        label="Axes", placeholder="such as TYX", info="T time, C channel, Z focus"
                    )
                    channel = gr.Number(label="Channel, from 0", precision=0, minimum=0, value=None)
                    z_plane = gr.Number(
                        label="Focal plane, from 0", precision=0, minimum=0, value=None
                    )
                    pixel_size = gr.Number(label="µm a pixel", minimum=0, value=None)
                threshold = gr.Slider(
                    0,
                    1,
                    value=first.threshold,
                    step=0.01,
                    label="3. Least confidence",
                    info="It begins where it was best in training. Higher: fewer, surer ones.",
                )
                with gr.Row():
                    start = gr.Button(
                        "Find and count", variant="primary", scale=3, interactive=False
                    )
                    stop = gr.Button("Stop", scale=1, min_width=80)
            with gr.Column(scale=4, min_width=320):
                results = gr.HTML(show_welcome(), elem_classes="results", min_height=320)
        asked = [axes, channel, z_plane, pixel_size, run, threshold]
        run.change(actions.choose, run, [about, threshold], queue=False, api_visibility="private")
        files.change(
            actions.take,
            [files, axes],
            [understood, results, start],
            concurrency_limit=None,
            show_progress="hidden",
            api_name="take",
        )
        job = {"show_progress_on": results, "concurrency_id": _JOBS}
        start.click(
            actions.find,
            [*asked, gr.State(False)],
            results,
            api_name="find",
            concurrency_limit=settings.jobs_at_once,
            scroll_to_output=True,
            **job,
        )
        threshold.release(
            actions.find,
            [*asked, gr.State(True)],
            results,
            api_visibility="private",
            trigger_mode="always_last",
            **job,
        )
        stop.click(actions.stop, queue=False, api_visibility="private")
        page.unload(actions.leave)
    return page


class _Actions:
    """What the controls do; each user by the session of their browser's page."""

    def __init__(
        self,
        offered: Mapping[str, OfferedRun],
        models: Models,
        sessions: Sessions,
        settings: PageSettings,
    ) -> None:
        self._offered = offered
        self._models = models
        self._sessions = sessions
        self._settings = settings

    def choose(self, name: str) -> tuple[str, Any]:
        offered = self._offered[name]
        slider = gr.update(value=offered.threshold, minimum=offered.least_threshold)
        return show_note(offered.describe()), slider

    def take(
        self, sent: list[str] | None, axes: str | None, request: Request
    ) -> tuple[str, str, Any]:
        """Return what was understood, an empty place for results, and the button to go on."""
        session = self._session(request)
        session.take([Path(path) for path in sent or ()])
        # Until now the button waited: a job that begins before its images are here is stopped
        ready = gr.update(interactive=bool(session.images))
        if not session.images:
            return show_note("No image yet."), show_welcome(), ready
        try:
            told = check_images(session.images, InputSettings(axes=axes or None), self._settings)
        except CellidError as error:
            return show_error(error, session.images[0].parent), show_welcome(), ready
        return show_note(told), show_welcome(), ready

    def find(
        self,
        axes: str | None,
        channel: int | None,
        z_plane: int | None,
        pixel_size: float | None,
        name: str,
        threshold: float,
        again: bool,
        request: Request,
        progress: Any = gr.Progress(),  # noqa: B008 - Gradio looks for it here
    ) -> Any:
        """Return results as HTML; ``again`` is of the slider, which there may be none for yet."""
        session, offered = self._session(request), self._offered[name]
        if again and session.results is None:
            return gr.skip()
        images = session.images
        progress(0, desc="Waiting for the model")
        try:
            given = {
                **{"axes": axes or None, "phase_channel": channel, "z_plane": z_plane},
                **{"pixel_size_um": pixel_size or None},
            }
            settings = parse_settings(InputSettings, given, subject="the fields")
            with session.working() as (out, stop), self._models.borrow(offered.folder) as run:

                def tell(done: int, total: int) -> None:
                    if stop.is_set():
                        raise Stopped
                    progress((done, total), desc="Looking", unit="frames")

                results = run_job(
                    offered, run, images, out, settings, threshold, self._settings, tell
                )
                tell(1, 1)
        except Stopped:
            return show_note("Stopped.")
        except CellidError as error:
            return show_error(error, offered.folder, *(path.parent for path in images))
        except Exception:
            _LOG.exception("a job of the page failed")
            return show_failure()
        session.keep(results)
        return show_results(results, offered, session.token)

    def stop(self, request: Request) -> None:
        self._session(request).stop()

    def leave(self, request: Request) -> None:
        self._sessions.end(request.session_hash)

    def _session(self, request: Request) -> Session:
        if not request.session_hash:
            raise gr.Error("This needs the page, or a client that says its session.")
        return self._sessions.of(request.session_hash)
