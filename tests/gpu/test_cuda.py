"""The same road on CUDA: training in bf16, searching and answering, saved weights that load on a CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.device import Device, probe_precision
from engine.jobs import Monitor
from engine.models.library import ModelLibrary
from engine.retrieval.encoder import Encoder
from engine.serving.job import AnswerQuestion
from engine.session import Session
from engine.training.job import Train
from engine.workspace.workspace import Workspace
from tests.engine.training.test_train_job import fill

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")


@pytest.fixture
def cuda_session(workspace: Workspace, tiny_library: ModelLibrary, tmp_path: Path) -> Session:
    session = Session(workspace=workspace, library=tiny_library, device=Device.detect("cuda"))
    fill(session, tmp_path / "files")
    return session


def test_bf16_is_taken_where_the_card_has_it() -> None:
    expected = "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    assert probe_precision(lambda precision: 0.0, Device.detect("cuda")).precision == expected


def test_both_stages_train_and_the_run_answers(cuda_session: Session) -> None:
    run = Train(what="all", preset="quick", epochs=2, batch_size=4).run(cuda_session, Monitor())
    assert run.state == "finished"
    answer = AnswerQuestion("What is the usual dose of heparin?", run_name=run.id).run(cuda_session, Monitor())
    assert answer.hits


def test_vectors_of_the_gpu_agree_with_the_cpus(library: ModelLibrary) -> None:
    files, texts = (
        library.files("all-MiniLM-L6-v2"),
        ["The dose is 500 mg.", "Either party may terminate the agreement."],
    )
    on_gpu = Encoder(files, Device.detect("cuda")).encode(texts)
    on_cpu = Encoder(files, Device.detect("cpu")).encode(texts)
    assert (on_gpu * on_cpu).sum(axis=1).min() > 0.999
