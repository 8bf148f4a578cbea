"""Parts that several pages share: links, glossary, access control, predictions in words and bars.

Know no page, and load no model.
"""
