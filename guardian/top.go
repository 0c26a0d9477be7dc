package guardian

import (
	"cmp"
	"container/heap"
	"slices"
)

// top keeps those of many things that weigh most.
type top[T any] struct {
	limit int // 0: all
	list  weights[T]
}

type weighed[T any] struct {
	weight int64
	id     uint64 // of two that weigh the same, the one with the lower id comes first
	what   T
}

// takes tells whether add would keep it.
func (t *top[T]) takes(weight int64, id uint64) bool {
	return t.limit <= 0 || len(t.list) < t.limit || heavier(weighed[T]{weight: weight, id: id}, t.list[0]) < 0
}

// add keeps it, perhaps in place of another, if takes says so.
func (t *top[T]) add(weight int64, id uint64, what T) {
	w := weighed[T]{weight, id, what}
	switch {
	case !t.takes(weight, id):
	case t.limit <= 0:
		t.list = append(t.list, w)
	case len(t.list) < t.limit:
		heap.Push(&t.list, w)
	default:
		t.list[0] = w
		heap.Fix(&t.list, 0)
	}
}

// sorted ends the use of t: the heaviest first.
func (t *top[T]) sorted() []T {
	slices.SortFunc(t.list, heavier[T])
	list := make([]T, len(t.list))
	for i, w := range t.list {
		list[i] = w.what
	}
	return list
}

func heavier[T any](a, b weighed[T]) int {
	return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.id, b.id))
}

// weights is a heap with the lightest on top.
type weights[T any] []weighed[T]

func (w weights[T]) Len() int           { return len(w) }
func (w weights[T]) Less(i, j int) bool { return heavier(w[i], w[j]) > 0 }
func (w weights[T]) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *weights[T]) Push(x any)        { *w = append(*w, x.(weighed[T])) }
func (w *weights[T]) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}
