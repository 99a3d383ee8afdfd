"""The version of all packages of the house: an image holds `contract` and no package metadata."""

VERSION = "0.1.0"
