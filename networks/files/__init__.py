"""Network files of strangers: decoded as plain data by an allow-list, then judged column by column."""
