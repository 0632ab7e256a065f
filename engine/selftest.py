"""The self-test of an installation: each part of the program does a little real work, and says so in one line."""

from __future__ import annotations

import sys
import tempfile
import time
import typing
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path

from engine.errors import EngineError, PassphraseError, translated

PASSPHRASE = "self-test ä 中"  # of a workspace that is gone a minute later
_FOLDER = "self-test ä 中"  # spaces, umlauts and CJK on every way through every library
_DRUGS = (
    "amoxicillin", "ibuprofen", "metformin", "ramipril", "heparin", "insulin", "morphine", "digoxin", "warfarin",
    "codeine",
)  # fmt: skip


class SelfTestError(EngineError):
    """A part of the installation does not do what it should."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part that is tried: `act` works in an empty folder and returns a sentence, or raises."""

    name: str
    act: Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one check."""

    name: str
    ok: bool
    text: str  # a sentence
    seconds: float

    def line(self) -> str:
        """The verdict as a line for a person."""
        return f"{'pass' if self.ok else 'FAIL'}  {self.name:11} {self.text} ({self.seconds:.1f} s)"


def run_checks(
    checks: Sequence[Check], *, say: Callable[[Verdict], None], clock: Callable[[], float] = time.perf_counter
) -> bool:
    """Run every check, each in a folder of its own that goes afterwards. Returns whether all passed."""
    passed = True
    for check in checks:
        started = clock()
        try:
            with _temporary_folder() as temporary:
                folder = Path(temporary) / _FOLDER
                folder.mkdir()
                ok, text = True, check.act(folder)
        except EngineError as error:
            ok, text = False, f"{error.message} {error.hint}".strip()
        except Exception as error:  # noqa: BLE001 - a broken installation raises anything; the others are still tried
            ok, text = False, f"{type(error).__name__}: {' '.join(str(error).split())}"
        passed &= ok
        say(Verdict(check.name, ok, text, clock() - started))
    return passed


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    with translated(
        SelfTestError,
        "No temporary folder can be made.",
        hint="Make room on its disk, or name another with TMPDIR (TEMP on Windows), and try again.",
        foreign=OSError,
    ):
        return tempfile.TemporaryDirectory(prefix="vademecum-", ignore_cleanup_errors=True)


def engine_checks() -> tuple[Check, ...]:
    """Every check that needs no window, the quick ones first."""
    return (
        Check("network", check_network),
        Check("models", check_models),
        Check("encryption", check_encryption),
        Check("documents", check_documents),
        Check("recognition", check_recognition),
        Check("faiss", check_faiss),
        Check("datasets", check_datasets),
        Check("evaluate", check_evaluate),
        Check("worker", check_worker),
        Check("proof", check_proof),
        *(Check(f"train {kind}", lambda folder, kind=kind: check_training(folder, kind)) for kind in training_kinds()),
    )


def training_kinds() -> tuple[str, ...]:
    """What can be trained: the kinds of the training job, with the generator once as each architecture."""
    from engine.training.job import What

    single = [kind for kind in typing.get_args(What) if kind != "all"]
    return (*single, "chat")


def check_network(folder: Path) -> str:
    """Whether an internet socket is refused, and a ring that could make one."""
    from engine.offline import go_offline, network_is_open

    enforced = go_offline()
    if not network_is_open():
        return "An internet socket and a ring were tried, and the kernel refused them."
    if enforced:
        raise SelfTestError("The kernel took the filter, yet an internet socket or a ring could be made.")
    return "This system has no filter for a single program; the libraries' offline switches are set."


def check_models(folder: Path) -> str:
    """Whether the bundled models are whole."""
    from engine.models.library import CHAT_GENERATOR, DEFAULT_ENCODER, DEFAULT_GENERATOR, ModelLibrary

    library = ModelLibrary(ModelLibrary.default().bundled, folder)
    problems = library.verify()
    if problems:
        raise SelfTestError(" ".join(problems))
    for name in (DEFAULT_ENCODER, DEFAULT_GENERATOR, CHAT_GENERATOR):
        library.tokenizer(name)
    names = ", ".join(model.name for model in library.list())
    return f"Every file has its SHA-256, every tokenizer loads: {names}."


def check_encryption(folder: Path) -> str:
    """Whether a protected workspace can be made and opened, is unreadable on disk, and refuses a wrong passphrase."""
    from engine.workspace.workspace import Workspace

    secret = "a-setting-nobody-may-read"
    with Workspace.create(folder / "w", passphrase=PASSPHRASE) as workspace:
        workspace.set_setting("self-test", secret)
    stored = b"".join(path.read_bytes() for path in (folder / "w").rglob("*") if path.is_file())
    if secret.encode() in stored or b"SQLite format 3" in stored:
        raise SelfTestError("The database of a protected workspace is not encrypted.")
    try:
        Workspace.open(folder / "w", passphrase="wrong").close()
    except PassphraseError:
        pass
    else:
        raise SelfTestError("A wrong passphrase opened a protected workspace.")
    with Workspace.open(folder / "w", passphrase=PASSPHRASE) as workspace:
        if workspace.setting("self-test") != secret:
            raise SelfTestError("What was written into a protected workspace did not come back.")
    return "A protected workspace opens with its passphrase only; the disk holds no plain text."


def check_documents(folder: Path) -> str:
    """Whether the parser child reads: a PDF first of all."""
    from engine.documents.reader import Reader

    pdf, html = folder / "page.pdf", folder / "page.html"
    pdf.write_bytes(_pdf("The usual dose is 50 mg."))
    html.write_text("<h1>Dose</h1><p>Fünfzig Milligramm.", encoding="utf-8")
    with Reader() as reader:
        read = [reader.read(path).content.text for path in (pdf, html)]
    if "50 mg" not in read[0] or "Fünfzig" not in read[1]:
        raise SelfTestError(f"A PDF and an HTML page were read as {read}.")
    return "A process of its own reads PDF and HTML."


def check_recognition(folder: Path) -> str:
    """Whether the words of a picture are recognised, with the models of this installation."""
    from PIL import Image, ImageDraw, ImageFont

    from engine.documents.reader import Reader

    picture = Image.new("RGB", (900, 200), "white")
    font = ImageFont.load_default(48)
    ImageDraw.Draw(picture).text((60, 70), "The usual dose is 50 mg.", fill="black", font=font)
    picture.save(folder / "page.png")
    with Reader() as reader:
        content = reader.read(folder / "page.png").content
    if "usual dose is 50 mg" not in content.text:
        raise SelfTestError(f"A picture of “The usual dose is 50 mg.” was read as “{content.text[:60]}”.")
    return f"The words of a picture are recognised, {content.confidence or 0:.0%} sure."


def check_faiss(folder: Path) -> str:
    """Whether vectors are found, and an index survives the way through a file of any name."""
    from engine.worker.warm_up import import_libraries

    import_libraries()  # in the order that spares faiss and torch a quarrel over OpenMP
    import faiss
    import numpy as np

    vectors = np.eye(64, 384, dtype=np.float32)
    index = faiss.IndexFlatIP(384)
    index.add(vectors)
    (folder / "index").write_bytes(faiss.serialize_index(index).tobytes())
    again = faiss.deserialize_index(np.frombuffer((folder / "index").read_bytes(), dtype=np.uint8))
    _, found = again.search(vectors[7:9], 1)
    if found.ravel().tolist() != [7, 8]:
        raise SelfTestError(f"The nearest neighbours of vectors 7 and 8 are {found.ravel().tolist()}.")
    return f"faiss {faiss.__version__} finds what it was given."


def check_datasets(folder: Path) -> str:
    """Whether `datasets` maps in this process and in others, and reads a CSV."""
    import datasets

    (folder / "rows.csv").write_text("question,answer\n" + "dose,50 mg\n" * 20, encoding="utf-8")
    rows = datasets.load_dataset("csv", data_files=str(folder / "rows.csv"), cache_dir=str(folder), split="train")
    mapped = rows.map(_measure, num_proc=2)
    if mapped[19] != {"question": "dose", "answer": "50 mg", "length": 5}:
        raise SelfTestError(f"A mapped row is {mapped[19]}.")
    return f"datasets {datasets.__version__} reads CSV and maps in two processes."


def _measure(row: dict[str, str]) -> dict[str, int]:
    return {"length": len(row["answer"])}


def check_evaluate(folder: Path) -> str:
    """Whether our metrics load through `evaluate` by local path."""
    import evaluate

    from engine.evaluation.measure import load_measures

    measures = load_measures(folder)
    scores = measures.compute("rouge", predictions=["the cat sat"], references=[["the cat sat down"]])
    if round(scores["rouge1"][0], 4) != 0.8571:
        raise SelfTestError(f"ROUGE of a known pair is {scores}.")
    return f"evaluate {evaluate.__version__} loads {len(measures.modules)} metrics from this installation."


def check_worker(folder: Path) -> str:
    """Whether the worker process imports into a protected workspace and answers from it."""
    from engine.serving.job import AnswerQuestion, Search
    from engine.worker.client import WorkerClient

    with closing(WorkerClient(log_path=folder / "worker.log")) as client:
        passages = _filled(client, folder)
        hits = client.submit(Search("What is the usual dose of heparin?")).result().hits
        if not hits or "heparin" not in hits[0].passage.text:
            raise SelfTestError(f"A search among {passages} passages did not find the right one.")
        answer = client.submit(AnswerQuestion("What is the usual dose of heparin?")).result()
    return f"It imported {passages} passages, found the right one and answered “{answer.answer[:60]}”."


def check_proof(folder: Path) -> str:
    """Whether the models as they come are measured with every metric, and the report is written in every form."""
    from engine.evaluation.job import Evaluate
    from engine.evaluation.publication import WriteReport
    from engine.worker.client import WorkerClient

    with closing(WorkerClient(log_path=folder / "worker.log")) as client:
        _filled(client, folder)
        report = client.submit(Evaluate("base", "validation", against=None)).result()
        written = client.submit(WriteReport(str(folder / "report"), "base", "validation")).result()
    files = [Path(path) for path in astuple(written)]
    if not all(path.stat().st_size for path in files):
        raise SelfTestError("A report is empty.")
    return f"F1 {100 * report.answers['f1']:.0f} of {report.questions} questions; {len(files)} files written."


def check_training(folder: Path, kind: str) -> str:
    """Whether a few real steps of training run through, from the first batch to the published run."""
    from engine.models.library import CHAT_GENERATOR
    from engine.training.job import Train
    from engine.worker.client import WorkerClient

    what, model = ("generator", CHAT_GENERATOR) if kind == "chat" else (kind, "")
    with closing(WorkerClient(log_path=folder / "worker.log")) as client:
        _filled(client, folder)
        run = client.submit(Train(what=what, model=model, preset="quick", epochs=1, batch_size=4)).result()  # type: ignore[arg-type]  # one of What
    if run.state != "finished" or not run.steps:
        raise SelfTestError(f"The training ended as {run.state} after {run.steps} steps.")
    return f"{run.steps} steps, validated and published."


def _filled(client: typing.Any, folder: Path) -> int:
    """Make a protected workspace with ten small documents and their questions; return the number of passages."""
    import msgspec

    from engine.importing import ImportFiles
    from engine.worker.protocol import Opening

    files = folder / "files"
    files.mkdir()
    rows: list[bytes] = []
    for number, drug in enumerate(_DRUGS):
        text = f"The usual dose of {drug} is {number + 1}0 mg. It is given by mouth after a meal. " + f"{drug} " * 5
        (files / f"{drug}.txt").write_text(text, encoding="utf-8")
        row = {"question": f"What is the usual dose of {drug}?", "answer": f"{number + 1}0 mg", "context": text}
        row["split"] = "train" if number < 8 else "validation"
        rows.append(msgspec.json.encode(row | {"document": f"{drug}.txt"}))
    (files / "questions.jsonl").write_bytes(b"\n".join(rows))
    client.open_workspace(Opening(str(folder / "w"), PASSPHRASE, create=True)).result()
    report = client.submit(ImportFiles((str(files),))).result()
    if report.skipped:
        raise SelfTestError(f"{report.skipped[0].item} was skipped: {report.skipped[0].reason}")
    return report.passages


def _pdf(line: str) -> bytes:
    """The smallest PDF with one line of text. Readers rebuild the missing table of offsets."""
    stream = b"BT /F1 12 Tf 72 720 Td (%s) Tj ET" % line.encode("ascii")
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    )
    objects = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, body) for number, body in enumerate(bodies, start=1))
    return b"%PDF-1.4\n" + objects + b"trailer << /Root 1 0 R >>\n%%EOF\n"


def headline() -> str:
    """What is tested: version, and whether it is installed or run from source."""
    from engine import __version__

    return (
        f"Vademecum {__version__}, {'installed' if getattr(sys, 'frozen', False) else 'from source'}: {sys.executable}"
    )
