"""Encoders from text to activations, against transformers' own tokenizer call and hidden states.

Tiny models with random weights and tokenizers that are trained here: nothing but the classes is shared with a
real model.
"""

from __future__ import annotations

import dataclasses
import shutil

import pytest
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerFast

from superpos.activations import inspect_model, read_shards
from superpos.activations.extract import extract
from superpos.activations.model import load_model
from superpos.activations.oracle import deviation
from superpos.datasets.build import build_dataset
from superpos.datasets.sources import Corpus, Document, corpus_digest
from superpos.datasets.tokens import load_tokens
from superpos.errors import InputError
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

SENTENCES = (
    "The Café in Zürich opened at nine, and Mary paid 120 francs for naïve paintings. ",
    "Running water; re-running tests! Don't panic: the unaffordable price was $3.50 in 2019.\n",
    "She said “hello”, then walked\tto the river-bank.  Two  spaces stay two. ",
    "An élan of THE old Town Hall (1893) is seen by 400 visitors a day.\n\n",
)
DOCUMENTS = tuple(
    "".join(SENTENCES[(first + step) % 4] for step in range(1 + first % 3)) + f"Number {first}."
    for first in range(24)
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
COMMON = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 260,
    "initializer_range": 0.2,
}
KINDS = {
    "bert": ("wordpiece", {}),
    "distilbert": ("wordpiece", {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}),
    "electra": ("wordpiece", {"embedding_size": 16}),
    "deberta-v2": ("unigram", {}),
    "roberta": ("bytes", {}),
    "xlm-roberta": ("unigram", {}),
    "modernbert": ("bytes", {"local_attention": 8, "global_attn_every_n_layers": 2}),
}


def tokenizer_of(kind, special):
    """A tokenizer trained on the documents, with the post-processor of its kind."""
    cls, pad, sep, unk = (
        ("<s>", "<pad>", "</s>", "<unk>") if special is ROBERTA else ("[CLS]", "[PAD]", "[SEP]", "[UNK]")
    )
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=unk))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=[*special], show_progress=False)
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
        )
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=180, special_tokens=[*special], unk_token=unk, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=340,
            special_tokens=[*special],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    tokenizer.train_from_iterator(DOCUMENTS, trainer)
    ids = [(name, tokenizer.token_to_id(name)) for name in (cls, sep)]
    tokenizer.post_processor = (
        processors.RobertaProcessing(ids[1], ids[0])
        if special is ROBERTA
        else processors.TemplateProcessing(single=f"{cls} $A {sep}", special_tokens=ids)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token=cls, sep_token=sep, pad_token=pad, unk_token=unk
    )


def make(family, folder, *, build=AutoModel):
    kind, options = KINDS[family]
    tokenizer = tokenizer_of(kind, ROBERTA if "roberta" in family else SPECIAL)
    tokenizer.save_pretrained(folder)
    config = AutoConfig.for_model(
        family, **COMMON | options, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        build.from_config(config).save_pretrained(folder)
    return ModelSpec(str(folder))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("encoders")
    for family in KINDS:
        make(family, root / family)
    return root


def corpus():
    documents = tuple(Document(f"d{index}", text) for index, text in enumerate(DOCUMENTS))
    return Corpus(documents, corpus_digest(documents))


SIZES = {"n_sequences": 24, "ctx_len": 256, "n_samples": 150, "min_positives": 10}


@pytest.mark.parametrize("family", KINDS)
def test_activations_are_those_of_the_whole_text_as_transformers_reads_it(folders, tmp_path, family):
    folder = folders / family
    tokens = build_dataset(DatasetSpec("t", "text_features", **SIZES), folder, corpus())
    tokenizer, reference = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    model = load_model(ModelSpec(str(folder)))
    assert not model.causal
    sites = {("resid", 0): "aa" * 16, ("embed", -1): "bb" * 16, ("resid", 1): "cc" * 16}
    infos = extract(model, tokens, sites, tmp_path, oracle_sequences=24)
    rows = {site: read_shards(tmp_path, info.shards) for site, info in zip(sites, infos, strict=True)}
    assert max(info.agreement for info in infos) < 5e-5
    assert len(tokens.sequence_documents) == 24
    for sequence, document in enumerate(tokens.sequence_documents.tolist()):
        text = DOCUMENTS[int(tokens.documents[document][1:])]
        inputs = tokenizer(text, add_special_tokens=True, return_tensors="pt")
        start, end = tokens.sequence_starts[sequence : sequence + 2]
        assert tokens.token_ids[start:end].tolist() == inputs["input_ids"][0].tolist()
        mask = tokenizer(text, return_special_tokens_mask=True)["special_tokens_mask"]
        assert (mask[0], mask[-1], sum(mask[1:-1])) == (1, 1, 0)
        chosen = tokens.sample_sequences == sequence
        positions = tokens.sample_positions[chosen]
        assert 0 not in positions
        assert end - start - 1 not in positions
        with torch.inference_mode():
            states = reference(**inputs, output_hidden_states=True).hidden_states
        if chosen.any():
            exact = states[1][0, positions].numpy()
            assert deviation(rows["resid", 0][chosen], exact) < 2e-5
            if family != "modernbert":  # there the last entry is behind the final normalisation
                assert deviation(rows["resid", 1][chosen], states[2][0, positions].numpy()) < 2e-5


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_the_separator_is_read(folders, tmp_path, family):
    tokens = build_dataset(DatasetSpec("t", "text_features", **SIZES), folders / family, corpus())
    model, site = load_model(ModelSpec(str(folders / family))), {("resid", 1): "ab" * 16}
    ids = tokens.token_ids.copy()
    ids[tokens.sequence_starts[1:] - 1] = ids[tokens.sequence_starts[:-1] + 1]
    rows = []
    for number, changed in enumerate((tokens.token_ids, ids)):
        (info,) = extract(model, dataclasses.replace(tokens, token_ids=changed), site, tmp_path / str(number))
        rows.append(read_shards(tmp_path / str(number), info.shards))
    assert deviation(*rows) > 1e-3


def study_text(folder, text, **changes):
    values = {"ctx_len": 64, "n_samples": 60, "n_sequences": 8, "min_positives": 5} | changes
    sizes = "\n".join(f"{key} = {value}" for key, value in values.items())
    return (
        f'name = "s"\n[models.m]\nname = "{folder}"\n[datasets.text_features]\ncorpus = "{text}"\n{sizes}\n'
        '[[blocks]]\nhookpoints = ["resid"]\nlayers = [1]\nkernels = ["exp"]\nn_dims = [3]\n'
    )


@pytest.fixture
def study(folders, tmp_path):
    """A function from a change of the model's folder (and settings) to the plan of a study on it."""
    (tmp_path / "text").mkdir()
    for number, text in enumerate(DOCUMENTS):
        (tmp_path / "text" / f"{number}.txt").write_text(text * 3, encoding="utf-8")

    def planned(change=lambda _: None, **settings):
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(folders / "bert", folder)
        change(folder)
        path = tmp_path / "study.toml"
        path.write_text(study_text(folder, tmp_path / "text", **settings), encoding="utf-8")
        return plan_study(load_study(path))

    return planned


def test_a_study_of_an_encoder_is_planned(study):
    plan = study()
    assert len(plan.activations) == 1
    assert plan.datasets[0].identity["alignment"] == "offsets"


def edited(old, new):
    def change(folder):
        path = folder / "tokenizer.json"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def fewer_rows(folder):
    """A model of two rows: [CLS] and [SEP] have none."""
    config = AutoConfig.for_model("bert", **COMMON, vocab_size=2)
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (lambda folder: (folder / "tokenizer.json").write_text('{"model": {"vocab": {}}}'), {}, "tokenizer"),
        (edited('"WordPiece"', '"WordPeace"'), {}, r"tokenizer\.json: cannot be read as a tokenizer"),
        (lambda folder: (folder / "tokenizer_config.json").write_text("{"), {}, None),
        (
            fewer_rows,
            {},
            r"what its tokenizer puts around a text holds token id 2 \('\[CLS\]'\), .* has 2 rows",
        ),
        (lambda _: None, {"ctx_len": 9}, r"ctx_len: 9 leaves 7 tokens of text beside the 2 special"),
        (lambda folder: (folder / "tokenizer.json").unlink(), {}, "feature sets need its tokenizer"),
    ],
)
def test_plans_object_to_what_a_run_would_refuse(study, change, settings, message):
    if message is None:  # the post-processor decides, and the configuration beside it is not read
        assert study(change, **settings)
        return
    with pytest.raises(InputError, match=message) as caught:
        study(change, **settings)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_tokens_of_an_encoder_fit_its_positions(folders):
    assert inspect_model(ModelSpec(str(folders / "bert"))).max_positions == 260
    assert load_tokens(folders / "roberta").n_ends == 2
