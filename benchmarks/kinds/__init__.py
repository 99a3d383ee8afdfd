"""How well samples of every kind of sequence are made, by figures of that kind."""
