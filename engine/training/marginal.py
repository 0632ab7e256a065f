"""RAG-Sequence and RAG-Token (Lewis et al. 2020, arXiv 2005.11401) and LSR as pure functions of two small tensors.

`scores` (B, K) are the retriever's for the K passages of each question: q·p/τ. `logs` (B, K, T) are the generator's
log-probabilities of the T tokens of the known answer, read from each passage alone. `mask` (B, T) is 1 on the answer's
tokens, its end token included. Nothing else of either model is needed, which is why two passes give the exact gradient:
the first, without gradients, fills `logs`; `gradients` says what each log-probability weighs; the second pass goes
through the generator again, a few rows at a time, with these weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

Objective = Literal["sequence", "token", "lsr"]
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # scores, logs, mask → scalar


def sequence_loss(scores: Tensor, logs: Tensor, mask: Tensor) -> Tensor:
    """L_seq = −1/B Σ_b logsumexp_k(log π[b,k] + Σ_t ℓ[b,k,t]): one passage is behind the whole answer."""
    whole = (logs * mask.unsqueeze(1)).sum(2)  # (B, K)
    return -(scores.log_softmax(1) + whole).logsumexp(1).mean()


def token_loss(scores: Tensor, logs: Tensor, mask: Tensor) -> Tensor:
    """L_tok = −1/B Σ_b Σ_t logsumexp_k(log π[b,k] + ℓ[b,k,t]): each token may come from another passage."""
    mixed = (scores.log_softmax(1).unsqueeze(2) + logs).logsumexp(1)  # (B, T)
    return -(mixed * mask).sum() / len(scores)


def lsr_loss(scores: Tensor, logs: Tensor, mask: Tensor, *, beta: float = 1.0) -> Tensor:
    """KL(softmax_k(mean_t ℓ/β) ‖ π), as Atlas has it: the retriever learns which passages helped a fixed generator."""
    helped = (logs * mask.unsqueeze(1)).sum(2) / mask.sum(1, keepdim=True).clamp(min=1)  # (B, K)
    target = (helped.detach() / beta).softmax(1)
    return (target * (target.clamp(min=1e-30).log() - scores.log_softmax(1))).sum(1).mean()


LOSSES: dict[Objective, Loss] = {"sequence": sequence_loss, "token": token_loss, "lsr": lsr_loss}


def reading_loss(logs: Tensor, mask: Tensor, gold: Tensor) -> Tensor:
    """−log p(answer | gold passage), the mean over the questions whose place among the K, `gold` (B,), is not −1.

    It and `ranking_loss` keep the marginal loss from collapsing onto one passage. 0 where no question has one.
    """
    known = gold >= 0
    if not bool(known.any()):
        return logs.sum() * 0.0
    return -(logs[known, gold[known]] * mask[known]).sum(1).mean()


def ranking_loss(scores: Tensor, gold: Tensor, others: Tensor) -> Tensor:
    """Multiple negatives: −log of the gold passage's share among all passages of the batch.

    `scores` (B, P) are of every question against every passage, `gold` (B,) the column of its own or −1, `others`
    (B, P) marks further right ones, which are no negatives.
    """
    known = gold >= 0
    if not bool(known.any()):
        return scores.sum() * 0.0
    return cross_entropy(scores[known].masked_fill(others[known], float("-inf")), gold[known])


def gradients(loss: Callable[..., Tensor], *tensors: Tensor) -> tuple[float, tuple[Tensor, ...]]:
    """Return what `loss(*tensors)` is worth and its gradient with respect to each of them.

    Of L_seq with the posterior r = softmax_k(log π + Σ_t ℓ): (π − r)/B for the scores, −r/B for each token's log.
    """
    with torch.enable_grad():
        leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
        value = loss(*leaves)
        found = torch.autograd.grad(value, leaves, allow_unused=True)
    pairs = zip(leaves, found, strict=True)
    return value.item(), tuple(torch.zeros_like(leaf) if one is None else one for leaf, one in pairs)
