"""The residual connection: a way around a layer."""

from jaxnn.layers.layer import Layer


def residual(layer: Layer) -> Layer:
    """y = x + f(x), a way around f  [He et al. 2016].

    dx = dy + (d f / d x)^T dy, as x reaches y in two ways: the gradient has a way past f.

    Raises:
      TypeError: layer is not a Layer.
      ValueError: (from init) f changes the shape of its input.
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"residual takes a layer, got {layer!r}")

    def init(key, in_shape):
        params, state, out_shape = layer.init(key, in_shape)
        if tuple(out_shape) != tuple(in_shape):
            raise ValueError(
                f"a residual connection adds x to f(x), but {layer.name} makes {out_shape}"
                f" of {in_shape}"
            )
        return params, state, out_shape

    def forward(params, state, x, key, train):
        y, state, saved = layer.forward(params, state, x, key, train)
        return x + y, state, saved

    def backward(params, saved, dy):
        dparams, dx = layer.backward(params, saved, dy)
        return dparams, dy + dx

    return Layer(init, forward, backward, f"residual({layer.name})", (layer,))
