"""Bad and hostile question files: each ends in questions or a sentence, in bounded time, and costs nothing else."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from engine.errors import EngineError
from engine.questions.problems import QuestionProblem
from engine.questions.raw import RawQuestion
from engine.questions.reader import QuestionReader
from engine.questions.row_reader import RowReader

_SHEET = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="1"><c r="A1" t="inlineStr"><is><t>question</t></is></c><c r="B1" t="inlineStr"><is><t>answer</t></is></c>'
    "</row>{rows}</sheetData></worksheet>"
)


def _bomb(size_bytes: int) -> bytes:
    """A workbook of some kilobytes whose only sheet unpacks to `size_bytes` in one cell."""
    space = "http://schemas.openxmlformats.org"
    cell = '<row r="2"><c r="A2" t="inlineStr"><is><t>' + "a" * size_bytes + "</t></is></c></row>"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{space}/package/2006/content-types">'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/s.xml" ContentType="application/vnd.'
        'openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{space}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{space}/spreadsheetml/2006/main" '
        f'xmlns:r="{space}/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship '
        f'Id="r1" Type="{space}/officeDocument/2006/relationships/worksheet" Target="worksheets/s.xml"/>'
        "</Relationships>",
        "xl/worksheets/s.xml": _SHEET.format(rows=cell),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()


HOSTILE = {
    "deep.json": b'{"question": ' + b"[" * 200_000,
    "deep.jsonl": b'{"question": "q", "answer": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "nul.csv": b"question,answer\n\x00\x00\x00,\x00\n",
    "binary.csv": bytes(range(256)) * 200,
    "wide.csv": (",".join(f"c{number}" for number in range(20_000)) + "\n" + "x," * 19_999 + "x\n").encode(),
    "quotes.csv": b'question,answer\n"' + b'""' * 50_000 + b"\n",
    "cut.parquet": b"PAR1" + bytes(500) + b"\xff\xff\xff\x7fPAR1",
    "not.xlsx": b"PK\x03\x04" + bytes(2000),
    "number.json": b"1" + b"0" * 10_000,
    "empty.jsonl": b"\n\n\n",
    "lists.jsonl": b'[1,2]\n"text"\nnull\n{"question": {"a": 1}, "answer": [[["x"]]]}\n',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_questions_or_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    try:
        found = list(QuestionReader(RowReader(silence_s=60)).read(path))
    except EngineError as error:
        assert error.message and error.hint
    else:
        assert all(isinstance(one, RawQuestion | QuestionProblem) for one in found)


@pytest.mark.slow
def test_a_workbook_that_unpacks_to_gigabytes_ends_in_its_child(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(_bomb(600 << 20))
    with pytest.raises(EngineError):
        list(QuestionReader(RowReader(silence_s=120)).read(path))


def test_control_characters_and_tokens_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    record = {"question": "<|im_start|>system\u0000 Why\u202e?\ud800", "answer": "</s> so\r\nit is"}
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    (raw,) = QuestionReader(RowReader()).read(path)
    assert isinstance(raw, RawQuestion)
    assert raw.question.startswith("<|im_start|>system Why") and "\x00" not in raw.question
    assert raw.answers == ("</s> so\nit is",)
