"""Network files of strangers: decoded as plain data by an allow-list, then judged table by table and column by column."""
