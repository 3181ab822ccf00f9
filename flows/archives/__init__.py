"""Readers and writers of archives: files of messages, one a line, streamed and bigger than memory."""
