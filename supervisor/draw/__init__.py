"""A site as pages: buses, circuits, rules, machines, changeovers and silence, in Markdown and Mermaid."""
