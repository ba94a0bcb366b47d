"""A report as a mail: a short body that every mail program shows, page and PDF attached.

The body uses tables and inline styles, asks for nothing from the network and carries its pictures
along by content-id; a plain text says the same. Nobody is named as sender or receiver: sending
belongs to operations.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from config.branding import Logo
from deliver.charts.drawing import Chart, Days, Look, Painter, rendered
from deliver.charts.style import NARROW_MARGIN, PAPER
from deliver.forms import formats

TEMPLATES = Path(__file__).parents[1] / "templates"
# Gmail cuts a longer body, and its link to the rest is not printed.
MAX_BODY_BYTES = 100_000
# What mail programs show without scrolling; pictures have twice the dots for sharp screens.
WIDTH_PX = 600
DOTS_PER_INCH = 144.0
# In points: smaller than they are shown, so that a phone's text can be read.
CHART_SIZE = (540.0, 200.0)
LOGO_WIDTH_PX, LOGO_HEIGHT_PX = 180, 56
MAX_SUBJECT_LENGTH = 140
TEXT_WIDTH = 72
_MEDIA_TYPES = {".html": ("text", "html"), ".pdf": ("application", "pdf")}


@dataclass(frozen=True)
class Picture:
    """A PNG of the body; `width_px` is how wide it is shown, `alt` what it says in words."""

    name: str
    content: bytes
    alt: str
    width_px: int

    @property
    def content_id(self) -> str:
        """What the body calls it by."""
        return f"{self.name}@argo.invalid"


@dataclass(frozen=True)
class Item:
    """A line of a list: a text, what it is worth, and what stands small below it."""

    text: str
    worth: str = ""
    under: str = ""


@dataclass(frozen=True)
class Body:
    """What a mail says, in the order in which it says it. `numbers` are label, value and note."""

    brand: str
    what: str
    color: str
    headline: str
    notices: Sequence[str]
    numbers: Sequence[Mapping[str, str]]
    lists: Sequence[tuple[str, Sequence[Item]]]
    notes: Sequence[str]
    chart_title: str = ""
    chart: Picture | None = None
    logo: Picture | None = None


def mail_bytes(
    subject: str,
    body: Body,
    attachments: Mapping[str, bytes],
    generated_at: datetime,
    identity: str,
) -> bytes:
    """The mail as a file (.eml); the same arguments give the same bytes.

    Parameters
    ----------
    subject, body : what it says; any text, control characters are left out.
    attachments : contents by file name, .html or .pdf.
    generated_at : the instant of making, aware: the mail's date.
    identity : what tells this mail from others made at that instant, for its Message-ID.
    """
    digest = hashlib.sha256(f"{identity}\n{generated_at.isoformat()}".encode()).hexdigest()[:32]
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = header_text(subject)
    mail["Date"] = format_datetime(generated_at)
    mail["Message-ID"] = f"<{digest}@argo.invalid>"
    mail.set_content(body_text(body), cte="quoted-printable")
    mail.add_alternative(body_html(body), subtype="html", cte="quoted-printable")
    parts: Any = mail.get_payload()
    page: EmailMessage = parts[1]
    for picture in (body.logo, body.chart):
        if picture is not None:
            page.add_related(
                picture.content,
                "image",
                "png",
                cid=f"<{picture.content_id}>",
                disposition="inline",
                filename=f"{picture.name}.png",
            )
    for name, content in attachments.items():
        main, sub = _MEDIA_TYPES[Path(name).suffix]
        mail.add_attachment(content, main, sub, filename=name)
    # By itself the library draws boundaries by lot.
    holders = [part for part in mail.walk() if part.is_multipart()]
    for number, part in enumerate(holders):
        part.set_boundary(f"=_argo_{digest}_{number}")
    return mail.as_bytes()


def header_text(text: str) -> str:
    """`text` as one line of a header: no line breaks, nothing that turns the reading direction.

    >>> header_text("Site\\r\\nBcc: x@example.com")
    'Site Bcc: x@example.com'
    """
    kept = "".join(
        char for char in formats.plain(text) if unicodedata.category(char) not in ("Cf", "Zl", "Zp")
    )
    line = " ".join(kept.split())
    return line if len(line) <= MAX_SUBJECT_LENGTH else f"{line[: MAX_SUBJECT_LENGTH - 1]}…"


def body_html(body: Body) -> str:
    """The body for mail programs that show pages."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: formats.plain(value) if type(value) is str else value,
    )
    environment.filters["forward"] = formats.forward
    return environment.get_template("email.html.j2").render(body=body, width=WIDTH_PX)


def body_text(body: Body) -> str:
    """The same for mail programs that show text only."""
    lines = [body.brand, body.what, "=" * TEXT_WIDTH, *body.notices, "", body.headline, ""]
    lines += [f"{one['label']}: {one['value']} ({one['note']})" for one in body.numbers]
    if body.chart is not None:
        lines += ["", f"{body.chart_title}. {body.chart.alt}"]
    for title, items in body.lists:
        lines += ["", title, "-" * len(title)]
        for number, item in enumerate(items, start=1):
            lines.append(f"{number}. {item.text}" + f": {item.worth}" * bool(item.worth))
            if item.under:
                lines.append(f"   {item.under}")
    lines += ["", *body.notes, ""]
    return "\n".join(formats.forward(line) for line in lines)


def chart_picture(
    name: str, chart: Chart, paint: Painter, alt: str, closed_days: Days = frozenset()
) -> Picture:
    """A chart as a PNG on white, drawn by what draws it for the page."""

    def on_paper(figure: Figure, numbers: Chart, look: Look) -> None:
        figure.set_facecolor(PAPER)
        paint(figure, numbers, look)

    look = Look(False, closed_days, NARROW_MARGIN)
    dpi = DOTS_PER_INCH * WIDTH_PX / CHART_SIZE[0]
    content = rendered(chart, on_paper, CHART_SIZE, look, "png", dpi=dpi)
    return Picture(name, content, alt, WIDTH_PX)


def logo_picture(logo: Logo | None, alt: str) -> Picture | None:
    """A logo as a PNG: mail programs do not show SVG."""
    if logo is None:
        return None
    source = (
        f"#set page(width: {LOGO_WIDTH_PX}pt, height: {LOGO_HEIGHT_PX}pt, margin: 0pt)\n"
        '#align(left + horizon, image(read("logo", encoding: none), width: 100%, height: 100%, '
        'fit: "contain"))'
    )
    # The wheel takes several files by name; its types do not say so.
    files: Any = {"main.typ": source.encode(), "logo": logo.content}
    content = typst.compile(files, format="png", ppi=DOTS_PER_INCH)
    return Picture("logo", content, alt, LOGO_WIDTH_PX)
