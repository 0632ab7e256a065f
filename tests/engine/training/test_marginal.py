"""L_seq, L_tok and LSR: against their formulas, autograd in float64, and transformers' own RAG classes."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    DPRConfig,
    DPRQuestionEncoder,
    RagConfig,
    RagSequenceForGeneration,
    RagTokenForGeneration,
)

from engine.training.marginal import (
    LOSSES,
    Objective,
    gradients,
    lsr_loss,
    ranking_loss,
    reading_loss,
    sequence_loss,
    token_loss,
)

BATCH, PASSAGES, TOKENS, WORDS, WIDTH = 2, 3, 5, 19, 8
PAD, END, START = 1, 2, 0


def tensors(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    scores = torch.randn(BATCH, PASSAGES, generator=chance, dtype=torch.float64) * 3
    logs = -torch.rand(BATCH, PASSAGES, TOKENS, generator=chance, dtype=torch.float64) * 5
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], dtype=torch.float64)
    return scores, logs, mask


def test_the_sequence_loss_is_the_sum_over_passages_by_hand() -> None:
    scores, logs, mask = tensors()
    total = 0.0
    for row in range(BATCH):
        prior = scores[row].softmax(0)
        likelihood = sum(
            float(prior[k])
            * math.prod(math.exp(float(one)) for one, kept in zip(logs[row, k], mask[row], strict=True) if kept)
            for k in range(PASSAGES)
        )
        total -= math.log(likelihood)
    assert sequence_loss(scores, logs, mask).item() == pytest.approx(total / BATCH, rel=1e-12)


def test_the_token_loss_is_the_product_over_tokens_by_hand() -> None:
    scores, logs, mask = tensors()
    total = 0.0
    for row in range(BATCH):
        prior = scores[row].softmax(0)
        for t in range(TOKENS):
            if mask[row, t]:
                total -= math.log(sum(float(prior[k]) * math.exp(float(logs[row, k, t])) for k in range(PASSAGES)))
    assert token_loss(scores, logs, mask).item() == pytest.approx(total / BATCH, rel=1e-12)


def test_the_gradients_are_prior_minus_posterior_and_minus_the_posterior() -> None:
    scores, logs, mask = tensors()
    _, (of_scores, of_logs) = gradients(lambda *both: sequence_loss(*both, mask), scores, logs)
    r = (scores.log_softmax(1) + (logs * mask.unsqueeze(1)).sum(2)).softmax(1)  # (B, K)
    assert torch.allclose(of_scores, (scores.softmax(1) - r) / BATCH, atol=1e-12)
    assert torch.allclose(of_logs, -(r.unsqueeze(2) * mask.unsqueeze(1)) / BATCH, atol=1e-12)


@pytest.mark.parametrize("objective", ["sequence", "token", "lsr"])
def test_every_gradient_agrees_with_finite_differences(objective: Objective) -> None:
    scores, logs, mask = tensors(3)
    scores.requires_grad_()
    held = logs if objective == "lsr" else logs.requires_grad_()
    assert torch.autograd.gradcheck(lambda *both: LOSSES[objective](*both, mask), (scores, held))


def test_lsr_is_zero_where_the_retriever_agrees_and_never_moves_the_generator() -> None:
    scores, logs, mask = tensors()
    agreed = (logs * mask.unsqueeze(1)).sum(2) / mask.sum(1, keepdim=True)
    assert lsr_loss(agreed, logs, mask).item() == pytest.approx(0.0, abs=1e-12)
    assert lsr_loss(scores, logs, mask).item() > 0
    assert not gradients(lambda *both: lsr_loss(*both, mask), scores, logs)[1][1].any()


def test_the_supervised_terms_count_questions_with_a_known_passage_only() -> None:
    scores, logs, mask = tensors()
    gold = torch.tensor([-1, 2])
    assert reading_loss(logs, mask, gold).item() == pytest.approx(-logs[1, 2, :2].sum().item())
    others = torch.tensor([[False] * 3, [True, False, False]])
    expected = -scores[1, 1:].log_softmax(0)[1].item()
    assert ranking_loss(scores, gold, others).item() == pytest.approx(expected)
    nothing = torch.tensor([-1, -1])
    assert reading_loss(logs, mask, nothing).item() == ranking_loss(scores, nothing, others).item() == 0.0


class _Pair:
    """A tiny DPR question encoder and BART in float64, and one batch for both ways of computing the loss."""

    def __init__(self, family: type) -> None:
        torch.manual_seed(0)
        question = DPRConfig(
            vocab_size=WORDS, hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip
        generator = BartConfig(
            vocab_size=WORDS, d_model=WIDTH, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=32, dropout=0.0,
        )  # fmt: skip
        config = RagConfig.from_question_encoder_generator_configs(
            question, generator, n_docs=PASSAGES, retrieval_vector_size=WIDTH
        )
        self.theirs = family(
            config=config,
            question_encoder=DPRQuestionEncoder(question),
            generator=BartForConditionalGeneration(generator),
        ).double()
        chance = torch.Generator().manual_seed(1)
        self.questions = torch.randint(3, WORDS, (BATCH, 6), generator=chance)
        self.contexts = torch.randint(3, WORDS, (BATCH * PASSAGES, 9), generator=chance)
        self.passages = torch.randn(BATCH, PASSAGES, WIDTH, generator=chance, dtype=torch.float64)
        answers = torch.randint(3, WORDS, (BATCH, TOKENS - 1), generator=chance)
        self.labels = torch.cat([torch.full((BATCH, 1), START), answers, torch.full((BATCH, 1), END)], dim=1)
        self.labels[1, 4:] = torch.tensor([END, PAD])

    def scores(self) -> torch.Tensor:
        asked = self.theirs.question_encoder(self.questions)[0]  # (B, D)
        return torch.einsum("bd,bkd->bk", asked, self.passages)

    def their_gradients(self) -> tuple[float, dict[str, torch.Tensor]]:
        self.theirs.zero_grad()
        loss = self.theirs(
            context_input_ids=self.contexts,
            context_attention_mask=torch.ones_like(self.contexts),
            doc_scores=self.scores(),
            labels=self.labels,
        ).loss.mean()
        loss.backward()
        return loss.item(), self._collected()

    def our_gradients(self, objective: Objective) -> tuple[float, dict[str, torch.Tensor]]:
        """The two passes: all rows without gradients, then each row on its own, weighted."""
        self.theirs.zero_grad()
        targets = self.labels[:, 1:]
        mask = (targets != PAD).double()
        with torch.no_grad():
            logs = torch.stack([self._row(b, k, targets) for b in range(BATCH) for k in range(PASSAGES)])
            logs = logs.view(BATCH, PASSAGES, -1)
        scores = self.scores()
        loss, (of_scores, of_logs) = gradients(lambda *both: LOSSES[objective](*both, mask), scores, logs)
        scores.backward(of_scores)
        for b in range(BATCH):
            for k in range(PASSAGES):
                self._row(b, k, targets).backward(of_logs[b, k])
        return loss, self._collected()

    def _row(self, b: int, k: int, targets: torch.Tensor) -> torch.Tensor:
        logits = self.theirs.generator(
            input_ids=self.contexts[b * PASSAGES + k].unsqueeze(0), decoder_input_ids=self.labels[b : b + 1, :-1]
        ).logits
        return logits.log_softmax(-1).gather(-1, targets[b : b + 1].unsqueeze(-1))[0, :, 0]

    def _collected(self) -> dict[str, torch.Tensor]:
        return {
            name: parameter.grad.clone()
            for name, parameter in self.theirs.named_parameters()
            if parameter.grad is not None
        }


@pytest.mark.parametrize(
    ("objective", "family"), [("sequence", RagSequenceForGeneration), ("token", RagTokenForGeneration)]
)
def test_two_passes_give_the_loss_and_every_gradient_of_transformers_rag(objective: Objective, family: type) -> None:
    pair = _Pair(family)
    their_loss, theirs = pair.their_gradients()
    our_loss, ours = pair.our_gradients(objective)
    assert our_loss == pytest.approx(their_loss, rel=1e-6)
    assert theirs.keys() == ours.keys()
    assert any("question_encoder" in name and grad.abs().max() > 1e-6 for name, grad in theirs.items())
    for name, grad in theirs.items():
        assert (grad - ours[name]).abs().max().item() <= 1e-6, name
