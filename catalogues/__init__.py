"""The tool behind `make messages`: it takes texts out of the code, and keeps a catalogue for each language."""
