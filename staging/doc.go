// Package staging holds the bytes of files that are being written until their
// store has them. It is the only code that can lose a user's data.
//
// A File lies in layers over its Base, the unmodified object. A layer is a sparse
// file on the local disk with the ranges that were written to it. Writes go to the
// top layer. A commit (Sync, or an upload in the background) freezes the layers and
// uploads what they show together; whoever writes meanwhile gets a new layer on top.
// Frozen layers are never changed, except where a layer above hides the change.
// So what a journal record names can be read back whatever moment a process dies at.
//
// Large files are sent in parts while they are written. Each part of the file has a
// generation that goes up before and after every change to it. A part that was sent
// counts only if its generation is still that of the frozen content.
package staging
