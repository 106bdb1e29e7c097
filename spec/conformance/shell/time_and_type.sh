type cd ls if f; command -v true
