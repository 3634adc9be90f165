"""Eight doubles at a time, for code compiled by numba: one LLVM vector, whatever the processor's registers.

Values of this type exist inside compiled functions only; memory is always an array of float64. numba does not
turn short inner loops into vector code, and a loop of eight over arrays costs checks for overlap besides.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

from .jit import inner

LANES = 8

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_INDEX = ir.IntType(32)
_ALIGNMENT = 8  # of a double: arrays promise no more


class LanesType(types.Type):
    """The numba type of eight doubles."""

    def __init__(self):
        super().__init__(name="Lanes")


_lanes = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, _VECTOR)


def _pointer(context, builder, signature, args):
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    index = context.cast(builder, args[1], signature.args[1], types.intp)
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@intrinsic
def load(typing_context, array, index):
    """The doubles array[index : index + 8] of a 1-D contiguous array."""

    def generate(context, builder, signature, args):
        value = builder.load(_pointer(context, builder, signature, args))
        value.align = _ALIGNMENT
        return value

    return _lanes(array, index), generate


@intrinsic
def store(typing_context, array, index, value):
    """Set array[index : index + 8]."""

    def generate(context, builder, signature, args):
        builder.store(args[2], _pointer(context, builder, signature, args), align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.none(array, index, value), generate


@intrinsic
def spread(typing_context, value):
    """Eight times the same number."""

    def generate(context, builder, signature, args):
        number = context.cast(builder, args[0], signature.args[0], types.float64)
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, number, ir.Constant(_INDEX, 0))
        everywhere = ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)
        return builder.shuffle_vector(first, undefined, everywhere)

    return _lanes(value), generate


def _operation(name):
    @intrinsic
    def operate(typing_context, a, b):
        def generate(context, builder, signature, args):
            return getattr(builder, name)(*args)

        return _lanes(a, b), generate

    return operate


add = _operation("fadd")
sub = _operation("fsub")
mul = _operation("fmul")


@intrinsic
def fused(typing_context, a, b, c):
    """a b + c, rounded once where the processor can, else twice."""

    def generate(context, builder, signature, args):
        # not llvm.fma: without the instruction that would be a library call per lane
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fmuladd.v{LANES}f64"
        )
        return builder.call(function, args)

    return _lanes(a, b, c), generate


@intrinsic
def where_le(typing_context, x, y, a, b):
    """Lane by lane: a where x <= y, else b."""

    def generate(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered("<=", args[0], args[1]), args[2], args[3])

    return _lanes(x, y, a, b), generate


@intrinsic
def total(typing_context, a):
    """The sum of the lanes, neighbours first."""

    def generate(context, builder, signature, args):
        parts = [builder.extract_element(args[0], ir.Constant(_INDEX, lane)) for lane in range(LANES)]
        while len(parts) > 1:
            parts = [builder.fadd(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    return types.float64(a), generate


@inner
def clear(values):
    """Set a whole array, of a multiple of eight doubles, to zero."""
    for i in range(0, values.size, LANES):
        store(values, i, spread(0.0))
