"""The whole road as a script takes it: every command as a process of its own, its JSON held to the contract."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
COVID = REPOSITORY.parent / "shared" / "data" / "med_covidqa"
SAMPLE = REPOSITORY / "resources" / "sample"

RETRIEVAL = {"hit@1", "hit@5", "hit@20", "recall@20", "mrr@10", "ndcg@10", "wrong_document@1", "wrong_document@5"}
READING = {"exact_match", "strict_exact_match", "f1", "bleu", "rouge1", "rouge2", "rougeL", "answered"}
ANSWERS = READING | {"cited_precision", "cited_recall", "cited_f1", "support", "numbers_covered"}
PASSAGE = {"id", "document_id", "title", "page", "section", "start", "end", "text", "score", "scores"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs vademecum-engine with a home of its own."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            **self.variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "engine", *map(str, arguments), "--json"],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def done(self, *arguments: str | Path) -> dict[str, Any]:
        """The result of a command that must succeed: one line, nothing else on stdout."""
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        (line,) = ended.stdout.splitlines()
        return json.loads(line)

    def refused(self, *arguments: str | Path, kind: str) -> dict[str, str]:
        """The error of a command that must end with a sentence and a hint."""
        ended = self.run(*arguments)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stdout + ended.stderr
        (line,) = ended.stdout.splitlines()
        error = json.loads(line)["error"]
        assert error["type"] == kind, error
        assert error["message"].strip().endswith((".", "!", "?")), error
        assert error["hint"], error
        assert error["message"] in ended.stderr
        return error


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    home = tmp_path / "home"
    home.mkdir()
    return Shell(home)


@pytest.fixture
def workspace(tmp_path: Path, shell: Shell) -> Path:
    path = tmp_path / "matter"
    shell.done("new", path, "--no-passphrase")
    return path


def _covid_slice(folder: Path) -> Path:
    """About forty documents and thirty questions, from papers of both sides of the split."""
    if not COVID.is_dir():
        pytest.skip(f"{COVID} is not there: the data is shared with the developers only.")
    wanted: set[str] = set()
    for name, count in (("train", 20), ("test", 12)):
        lines = (COVID / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        chosen = lines[:: len(lines) // count][:count]
        wanted |= {json.loads(line)["context_id"] for line in chosen}
        (folder / f"{name}.jsonl").write_text("\n".join(chosen), encoding="utf-8")
    corpus = (COVID / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    held = [line for line in corpus if json.loads(line)["id"] in wanted]
    (folder / "corpus.jsonl").write_text("\n".join([*held, *corpus[1000:1010]]), encoding="utf-8")
    return folder


@pytest.mark.parametrize("data", ["med_covidqa", "sample"])
def test_from_files_to_an_answer_of_a_tuned_run(data: str, tmp_path: Path, shell: Shell, workspace: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    source = _covid_slice(source) if data == "med_covidqa" else SAMPLE

    imported = shell.done("import", workspace, source)
    assert imported.keys() >= {"documents", "passages", "questions", "skipped", "seconds"}
    assert imported["documents"]["added"] >= 20
    assert imported["questions"]["with_evidence"] >= 20
    # Of the sample, the notes about where it comes from are no data; they are documents all the same.
    again = shell.done("import", workspace, source)
    assert again["documents"] == {"added": 0, "unchanged": imported["documents"]["added"], "replaced": 0, "removed": 0}
    assert again["questions"]["added"] == 0
    assert again["passages"] == imported["passages"]

    status = shell.done("status", workspace)
    assert status["documents"] == imported["documents"]["added"]
    assert status["passages"] == imported["passages"]
    assert sum(status["questions"].values()) == imported["questions"]["added"]
    assert (status["runs"], status["active"]) == ([], "base")

    documents = shell.done("documents", workspace)["documents"]
    assert all(row.keys() >= {"id", "title", "path", "pages", "passages", "digest"} for row in documents)
    questions = shell.done("questions", workspace)["questions"]
    assert all(row.keys() >= {"id", "question", "answers", "evidence", "split"} for row in questions)
    asked = next(row for row in questions if row["split"] == "test" and row["evidence"])

    found = shell.done("search", workspace, asked["question"], "--top-k", "3")
    assert found.keys() >= {"question", "run", "passages", "timings_ms"}
    assert len(found["passages"]) == 3
    assert all(
        passage.keys() == PASSAGE and passage["scores"].keys() == {"dense", "lexical"} for passage in found["passages"]
    )

    kept = "base"
    taught = ("retriever", "generator") if data == "med_covidqa" else ("generator",)
    for what in taught:
        trained = shell.done(
            "train", workspace, "--what", what, "--preset", "quick", "--epochs", "1", "--minutes", "0.1"
        )
        assert trained.keys() >= {"run", "what", "steps", "best_step", "seconds", "validation", "kept", "reason"}
        assert trained["validation"].keys() == {"before", "after"}
        assert (trained["what"], trained["steps"] > 0) == (what, True)
        kept = trained["run"] if trained["kept"] else kept
    status = shell.done("status", workspace)
    assert (len(status["runs"]), status["active"]) == (len(taught), kept)

    newest = status["runs"][-1]["id"]
    report = shell.done("evaluate", workspace, "--run", newest)
    assert report.keys() >= {
        "run",
        "split",
        "questions",
        "retrieval",
        "answers",
        "intervals",
        "against",
        "per_question",
    }
    assert (report["run"], report["split"], report["questions"]) == (newest, "test", status["questions"]["test"])
    assert report["retrieval"].keys() == RETRIEVAL
    assert (report["answers"].keys(), report["oracle_answers"].keys()) == (ANSWERS, READING)
    assert report["intervals"].keys() == RETRIEVAL | ANSWERS
    assert report["against"].keys() >= {"run", "difference", "interval", "p_value", "verdict"}
    assert report["baselines"].keys() == {"lexical", "dense", "hybrid", "base_generator"}
    assert len(Path(report["per_question"]).read_text(encoding="utf-8").splitlines()) == report["questions"]
    assert {one["by"] for one in report["breakdowns"]} == {
        "document", "question type", "passage length", "answer length",
    }  # fmt: skip
    _look_into(shell, workspace, newest)

    answer = shell.done("ask", workspace, asked["question"])
    assert answer.keys() >= {
        "question", "answer", "abstained", "confidence", "citations", "passages", "run", "cached", "timings_ms",
    }  # fmt: skip
    assert answer["answer"] or answer["abstained"]
    assert answer["timings_ms"].keys() >= {"retrieve", "first_token", "total"}
    assert all(
        citation.keys() >= {"passage_id", "document_id", "title", "page", "start", "end", "quote"}
        for citation in answer["citations"]
    )

    verified = shell.done("verify", workspace, "--deep")
    assert verified.keys() == {"ok", "checked", "problems"}
    assert verified["ok"], verified

    promoted = shell.done("promote", workspace, newest)
    assert promoted == {"active": newest, "previous": kept}
    removed = shell.done("remove", workspace, asked["document_id"])
    assert removed["removed"].keys() == {"documents", "passages", "questions", "cached_answers"}
    assert (removed["removed"]["documents"], removed["removed"]["questions"] >= 1) == (1, True)


def _look_into(shell: Shell, workspace: Path, run: str) -> None:
    """Question by question, amended, pinned, and written out for others."""
    rows = shell.done("results", workspace, "--run", run)["questions"]
    missed = shell.done("results", workspace, "--run", run, "--only", "retrieval-missed")["questions"]
    assert [row["id"] for row in missed] == [row["id"] for row in rows if "retrieval missed" in row["flags"]]
    chosen = rows[0]["id"]
    detail = shell.done("results", workspace, "--run", run, "--question", chosen)
    assert detail["result"] == rows[0]
    assert [passage["id"] for passage in detail["gold"]] == rows[0]["evidence"]

    amended = shell.done("amend", workspace, chosen, "--answer", "quite another", "--pin", "--reason", "checked")
    assert (amended["pinned"], amended["reason"], amended["excluded"]) == (True, "checked", False)
    assert amended["imported_answers"] == rows[0]["gold"]
    again = shell.done("evaluate", workspace, "--run", run)
    assert [result["id"] for result in again["pinned"]["results"]] == [chosen]
    assert again["provenance"]["amended"] == 1
    pinned = shell.done("pinned", workspace, "--run", run, "--against", "base")
    assert (pinned["run"], pinned["against"], len(pinned["results"])) == (run, "base", 1)

    written = shell.done("report", workspace, "--run", run, "--to", workspace.parent / "out")
    assert written.keys() == {"html", "pdf", "csv", "json", "card"}
    assert all(Path(path).stat().st_size > 500 for path in written.values())
    assert shell.done("card", workspace, "--run", run)["card"].startswith(f"# Model card: {run}")
    shell.refused("results", workspace, "--run", "base", kind="RunError")
    shell.refused("amend", workspace, "no-such-question", "--exclude", kind="QuestionError")
    assert shell.run("amend", workspace, chosen).returncode == 2


def test_terminated_training_exits_with_130_and_says_how_to_go_on(
    tmp_path: Path, shell: Shell, workspace: Path
) -> None:
    rows = [
        {
            "question": f"When is shift {number} over?",
            "answer": f"at {number} o'clock",
            "context": f"Shift {number} is over at {number} o'clock. Whoever leaves earlier tells the ward.",
            "split": "train" if number < 20 else "validation",
        }
        for number in range(1, 24)
    ]
    (tmp_path / "shifts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    shell.done("import", workspace, tmp_path / "shifts.jsonl")
    command = [sys.executable, "-m", "engine", "train", str(workspace), "--what", "generator", "--json", "--events"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stderr:
            if '"generator/train_loss"' in line:
                break
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=120)

    error = json.loads(out)["error"]
    assert process.returncode == 130
    assert (error["type"], error["hint"]) == ("Cancelled", "Go on with train --resume generator-1.")
    (run,) = shell.done("status", workspace)["runs"]
    assert run["state"] == "interrupted"


def test_files_of_questions_are_answered_line_by_line(tmp_path: Path, shell: Shell, workspace: Path) -> None:
    document = tmp_path / "leave.txt"
    document.write_text("Every nurse has thirty days of leave a year. Leave is approved by the ward.", encoding="utf-8")
    shell.done("import", workspace, document)
    batch = tmp_path / "batch.jsonl"
    lines = ['{"id": 1, "question": "How many days of leave?"}', "{half", '{"id": "c", "question": "Who approves?"}']
    batch.write_text("\n".join(lines), encoding="utf-8")

    for command, key in (("search", "passages"), ("ask", "answer")):
        ended = shell.run(command, workspace, "--batch", batch)
        assert ended.returncode == 0, ended.stderr
        answered = [json.loads(line) for line in ended.stdout.splitlines()]
        assert [row["id"] for row in answered] == [1, None, "c"]
        assert answered[0][key]
        assert answered[1]["error"]["type"] == "QuestionError"


def _write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_bad_files_are_named_with_a_reason_and_what_was_there_stays(
    tmp_path: Path, shell: Shell, workspace: Path
) -> None:
    good = _write(tmp_path, "good.txt", b"The limitation period is three years.")
    (tmp_path / "nothing").mkdir()
    bad = [
        tmp_path / "nowhere.pdf",
        tmp_path / "nothing",
        _write(tmp_path, "corrupt.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog"),
        _write(tmp_path, "half.json", b'[{"question": "What is it?", "answer": "a te'),
        _write(tmp_path, "columns.csv", b"topic,answer\nleave,thirty days\n"),
    ]
    shell.done("import", workspace, good)

    for path in bad:
        error = shell.refused("import", workspace, path, kind="DocumentError")
        assert path.name in error["message"]
    together = shell.done("import", workspace, good, *bad)

    assert together["documents"] == {"added": 0, "unchanged": 1, "replaced": 0, "removed": 0}
    assert {Path(skipped["path"]).name for skipped in together["skipped"]} >= {
        "corrupt.pdf",
        "half.json",
        "columns.csv",
    }
    assert all(skipped["reason"] for skipped in together["skipped"])
    assert shell.done("status", workspace)["documents"] == 1
    assert shell.done("verify", workspace, "--deep")["ok"]


def test_a_workspace_that_can_not_be_opened_says_why(tmp_path: Path, shell: Shell, workspace: Path) -> None:
    shell.refused("status", tmp_path / "nowhere", kind="WorkspaceError")
    shell.refused("new", workspace, "--no-passphrase", kind="WorkspaceError")

    description = workspace / "workspace.json"
    newer = json.loads(description.read_text(encoding="utf-8")) | {"schema": 99}
    description.write_text(json.dumps(newer), encoding="utf-8")
    shell.refused("status", workspace, kind="SchemaError")

    protected = tmp_path / "protected"
    Shell(shell.home, {"VADEMECUM_PASSPHRASE": "correct horse"}).done("new", protected)
    shell.refused("status", protected, kind="PassphraseError")
    Shell(shell.home, {"VADEMECUM_PASSPHRASE": "wrong"}).refused("status", protected, kind="PassphraseError")


def test_training_says_what_it_lacks(tmp_path: Path, shell: Shell, workspace: Path) -> None:
    shell.refused("train", workspace, kind="TrainingError")
    shell.refused("evaluate", workspace, kind="QuestionError")
    shell.refused("promote", workspace, "nonesuch", kind="RunError")

    without = [
        {"question": f"What is rule {number}?", "answer": f"It is {number}.", "split": "train"} for number in range(9)
    ]
    file = tmp_path / "without.jsonl"
    file.write_text("\n".join(map(json.dumps, without)), encoding="utf-8")
    shell.done("import", workspace, file)
    assert "evidence" in shell.refused("train", workspace, kind="TrainingError")["message"]

    few = [
        {
            "question": f"What is law {number}?",
            "answer": f"law {number}",
            "context": f"This is law {number}.",
            "split": "train",
        }
        for number in range(7)
    ]
    file = tmp_path / "few.jsonl"
    file.write_text("\n".join(map(json.dumps, few)), encoding="utf-8")
    shell.done("import", workspace, file)
    assert "7" in shell.refused("train", workspace, kind="TrainingError")["message"]
