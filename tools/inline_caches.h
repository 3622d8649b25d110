/* Attribute access with inline caches, put before everything that mypyc makes of `operators` (compile_operators.py).

   Events and states are msgspec structs, whose fields are slots behind member descriptors. Compiled code asks for one by
   its name through the whole of PyObject_GetAttr, some 160 instructions; the interpreter itself, from 3.11 on, remembers
   at each place of the code where the slot of a type is (LOAD_ATTR_SLOT, STORE_ATTR_SLOT), and so does this. A type that
   changes gets another version tag, and a place that sees many types stops trying. All else is left to CPython. */

#ifndef UNDERTOW_INLINE_CACHES_H
#define UNDERTOW_INLINE_CACHES_H
#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>
#include <structmember.h>

typedef struct {
    PyTypeObject *type;
    unsigned int version;
    unsigned int tries;
    Py_ssize_t offset;
} UndertowSlot;

/* Types after which a place is taken for one that sees too many. */
#define UNDERTOW_MOST_TRIES 64

/* Remembers where instances of the type keep the attribute, if they keep it in a slot. */
static inline void undertow_learn(UndertowSlot *slot, PyTypeObject *type, PyObject *name) {
    slot->type = NULL;
    slot->tries++;
    PyObject *found = _PyType_Lookup(type, name);
    if (found == NULL || !Py_IS_TYPE(found, &PyMemberDescr_Type) || type->tp_version_tag == 0 ||
        !(type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG)) {
        return;
    }
    PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
    if (member->type != T_OBJECT_EX || member->flags != 0 || member->offset <= 0) {
        return;
    }
    slot->type = type;
    slot->version = type->tp_version_tag;
    slot->offset = member->offset;
}

static inline int undertow_knows(const UndertowSlot *slot, PyTypeObject *type) {
    return type == slot->type && type->tp_version_tag == slot->version;
}

static PyObject *undertow_get_other(UndertowSlot *slot, PyObject *object, PyObject *name) {
    PyTypeObject *type = Py_TYPE(object);
    if (slot->tries < UNDERTOW_MOST_TRIES && type->tp_getattro == PyObject_GenericGetAttr) {
        undertow_learn(slot, type, name);
    }
    return PyObject_GetAttr(object, name);
}

static inline PyObject *undertow_get(UndertowSlot *slot, PyObject *object, PyObject *name) {
    if (undertow_knows(slot, Py_TYPE(object))) {
        PyObject *value = *(PyObject **)((char *)object + slot->offset);
        if (value != NULL) {
            return Py_NewRef(value);
        }
    }
    return undertow_get_other(slot, object, name);
}

static int undertow_set_other(UndertowSlot *slot, PyObject *object, PyObject *name, PyObject *value) {
    int failed = PyObject_SetAttr(object, name, value);
    /* What was set once can be set again; a type that the collector tracks does more than store. */
    if (!failed && slot->tries < UNDERTOW_MOST_TRIES && !PyType_IS_GC(Py_TYPE(object))) {
        undertow_learn(slot, Py_TYPE(object), name);
    }
    return failed;
}

static inline int undertow_set(UndertowSlot *slot, PyObject *object, PyObject *name, PyObject *value) {
    if (value != NULL && undertow_knows(slot, Py_TYPE(object))) {
        PyObject **place = (PyObject **)((char *)object + slot->offset);
        PyObject *before = *place;
        *place = Py_NewRef(value);
        Py_XDECREF(before);
        return 0;
    }
    return undertow_set_other(slot, object, name, value);
}

/* What a module's name stands for, where the module has not changed since it was looked up here: LOAD_GLOBAL's cache.
   Every change of a dictionary gives it a version that no dictionary ever had. The name is mypyc's own constant. */
typedef struct {
    uint64_t version;
    PyObject *value;
} UndertowGlobal;

PyObject *CPyDict_GetItem(PyObject *dict, PyObject *key);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline uint64_t undertow_version(PyObject *globals) { return ((PyDictObject *)globals)->ma_version_tag; }
#pragma GCC diagnostic pop

static PyObject *undertow_look_up(UndertowGlobal *global, PyObject *globals, PyObject *name) {
    PyObject *value = CPyDict_GetItem(globals, name);
    if (value != NULL && PyDict_CheckExact(globals)) {
        global->version = undertow_version(globals);
        global->value = value;
    }
    return value;
}

#define undertow_global(globals, name)                                                                                 \
    ({                                                                                                                 \
        static UndertowGlobal undertow_known;                                                                          \
        likely(undertow_version(globals) == undertow_known.version)                                                    \
            ? Py_NewRef(undertow_known.value)                                                                          \
            : undertow_look_up(&undertow_known, globals, name);                                                        \
    })

/* Sums and products of floats, as float_add and its like make them. */
#define UNDERTOW_ARITHMETIC(name, operation, general)                                                                  \
    static inline PyObject *name(PyObject *one, PyObject *other) {                                                     \
        if (PyFloat_CheckExact(one) && PyFloat_CheckExact(other)) {                                                    \
            return PyFloat_FromDouble(PyFloat_AS_DOUBLE(one) operation PyFloat_AS_DOUBLE(other));                      \
        }                                                                                                              \
        return general(one, other);                                                                                    \
    }
UNDERTOW_ARITHMETIC(undertow_add, +, PyNumber_Add)
UNDERTOW_ARITHMETIC(undertow_subtract, -, PyNumber_Subtract)
UNDERTOW_ARITHMETIC(undertow_multiply, *, PyNumber_Multiply)

/* Comparisons of floats, as float_richcompare makes them. */
static inline PyObject *undertow_compare(PyObject *one, PyObject *other, int how) {
    if (PyFloat_CheckExact(one) && PyFloat_CheckExact(other)) {
        double a = PyFloat_AS_DOUBLE(one), b = PyFloat_AS_DOUBLE(other);
        int holds = how == Py_LT ? a < b : how == Py_LE ? a <= b : how == Py_EQ ? a == b : how == Py_NE ? a != b :
                    how == Py_GT ? a > b : a >= b;
        return Py_NewRef(holds ? Py_True : Py_False);
    }
    return PyObject_RichCompare(one, other, how);
}

#define PyObject_GetAttr(object, name)                                                                                 \
    ({                                                                                                                 \
        static UndertowSlot undertow_slot;                                                                             \
        undertow_get(&undertow_slot, (PyObject *)(object), (PyObject *)(name));                                        \
    })
#define PyObject_SetAttr(object, name, value)                                                                          \
    ({                                                                                                                 \
        static UndertowSlot undertow_slot;                                                                             \
        undertow_set(&undertow_slot, (PyObject *)(object), (PyObject *)(name), (PyObject *)(value));                   \
    })
#define PyNumber_Add undertow_add
#define PyNumber_Subtract undertow_subtract
#define PyNumber_Multiply undertow_multiply
#define PyObject_RichCompare undertow_compare
#endif
