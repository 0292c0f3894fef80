"""Building blocks of the framework adapters: recall and storage around a model call, tools, prompt text."""
