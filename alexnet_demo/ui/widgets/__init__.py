"""Small pieces that several pages share: links, glossary, access control, answer bars.

Know no page."""
