package main

import (
	"sd/actions/steps"
	"sd/actions/transfer"
)

// lostText says what of files could not be kept.
func lostText(code string) string {
	switch code {
	case transfer.LostOwner:
		return "the owner could not be kept"
	case transfer.LostMode:
		return "the mode could not be kept"
	case transfer.LostTimes:
		return "the times could not be kept"
	case transfer.LostXattrs:
		return "extended attributes could not be kept"
	case transfer.LostACL:
		return "access control lists could not be kept"
	case transfer.LostSparse:
		return "holes are filled with zeros"
	}
	return code + " could not be kept"
}

// doing is what an action does, for the line of progress.
func doing(action steps.Action) string {
	switch action {
	case steps.Copy, steps.Protect:
		return "copying"
	case steps.Move:
		return "moving"
	case steps.Remove, steps.Resolve:
		return "removing"
	case steps.Mkdir:
		return "making folders"
	case steps.Sync:
		return "syncing"
	case steps.Undo:
		return "undoing"
	}
	return "running"
}

// warningText is a warning in a line.
func warningText(w *steps.Warning) string {
	text := w.Text
	if w.Count > 1 {
		text += " (" + counted(w.Count, "file") + ")"
	}
	if w.Example != "" {
		text += ": " + w.Example
	}
	return text
}
