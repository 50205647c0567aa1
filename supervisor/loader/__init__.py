"""From a folder of documents to a site and a plan. The door is load.load; nothing is imported before it is needed."""
