"""A transformer of one layer and a dozen words, made on the spot."""

from __future__ import annotations

from pathlib import Path

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "query", "passage", ":", "hej", "dig", "verden", "brød")
DIM = 8
MAX_TOKENS = 16


def save_tiny_model(folder: Path) -> Path:
    """A sentence-transformers folder with random weights, always the same ones."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    parts = folder.parent / f"{folder.name}-parts"
    with torch.random.fork_rng():
        torch.manual_seed(7)
        config = BertConfig(
            vocab_size=len(WORDS),
            hidden_size=DIM,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=MAX_TOKENS,
            initializer_range=1.0,
        )
        BertModel(config).save_pretrained(parts)
    BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(parts)
    transformer = Transformer(str(parts), max_seq_length=MAX_TOKENS)
    SentenceTransformer(modules=[transformer, Pooling(DIM)], device="cpu").save(str(folder), create_model_card=False)
    return folder
