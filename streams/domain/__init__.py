"""Pure rules: events, the fold, decisions. Imports the standard library only."""
