def schema_text():
    return "{}\n"
