"""What others published, to stand beside what is measured here. None of it was measured here."""

DISCRIMINATIVE = (
    # model, Sines, Stocks, Energy, source
    ("C-RNN-GAN", ".229", ".399", ".499", "Yoon et al., NeurIPS 2019, table 2, not looked up again"),
    ("RCGAN", ".022", ".196", ".336", "the same"),
    ("TimeGAN", ".011 ± .008", ".102 ± .021", ".236 ± .012", "figure 2 of Diffusion-TS (ICLR 2024)"),
    ("Diffusion-TS", ".006 ± .007", ".067 ± .015", ".122 ± .003", "the same"),
    ("PaD-TS", ".013 ± .004", ".055 ± .087", ".078 ± .011", "its repository"),
    ("ImagenTime", "–", ".037 ± .006", ".040 ± .004", "table 1 of ST-Diff"),
    ("ST-Diff", ".004 ± .005", ".015 ± .021", ".009 ± .013", "its table 1"),
)
"""The field's discriminative score at length 24; their Stocks are `google` here."""

ENERGY_LONGER = (
    # model, 64, 128, 256
    ("TimeGAN", ".498", ".499", ".499"),
    ("Diffusion-TS", ".078", ".143", ".290"),
    ("PaD-TS", ".023", ".050", ".138"),
)
"""The same score on Energy in longer windows."""


def markdown() -> str:
    """Both as tables."""
    heads = [("model", "Sines", "Stocks", "Energy", "source"), ("model", "64", "128", "256")]
    tables = [
        "\n".join(f"| {' | '.join(line)} |" for line in [head, ("---",) * len(head), *lines])
        for head, lines in zip(heads, (DISCRIMINATIVE, ENERGY_LONGER), strict=True)
    ]
    return "\n\n".join(tables)
