"""What a run leaves behind: tables, summary, terminal text and report, each a function of the result folder."""
