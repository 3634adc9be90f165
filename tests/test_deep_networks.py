"""The networks are those of the papers, and know nothing of other rows or of other models."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="knn_cert.deep needs torch: pip install 'knn-cert[torch]'")

from torch import nn  # noqa: E402

from knn_cert.deep import mnist_cnn, resnet20  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    # Threads that wait for each other on busy cores take a hundred times as long.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def layers(network, kind):
    return [module for module in network.modules() if isinstance(module, kind)]


def n_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def images(n, shape, seed=0):
    height, width, channels = shape
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(seed))


def test_the_small_cnn_has_the_layers_of_gowal_et_al():
    network = mnist_cnn(10)
    first, second = layers(network, nn.Conv2d)
    assert (first.in_channels, first.out_channels, first.kernel_size, first.stride) == (1, 16, (4, 4), (2, 2))
    assert (second.in_channels, second.out_channels, second.kernel_size, second.stride) == (
        16,
        32,
        (4, 4),
        (1, 1),
    )
    hidden, logits = layers(network, nn.Linear)
    # 28 -> 13 -> 10 pixels
    assert (hidden.in_features, hidden.out_features) == (32 * 10 * 10, 100)
    assert (logits.in_features, logits.out_features) == (100, 10)
    assert [type(layer) for layer in network][1::2] == [nn.ReLU, nn.ReLU, nn.Linear, nn.Linear]
    assert n_parameters(network) == (16 * 16 + 16) + (32 * 256 + 32) + (3200 * 100 + 100) + (100 * 10 + 10)


def test_resnet20_has_0_27_million_parameters_in_twenty_layers():
    # He et al. (2016), Table 6: 20 layers, 0.27M parameters.
    network = resnet20(10)
    assert n_parameters(network) == 269_722
    assert len(layers(network, nn.Conv2d)) + len(layers(network, nn.Linear)) == 20
    widths = [layer.out_channels for layer in layers(network, nn.Conv2d)]
    assert widths == [16] * 7 + [32] * 6 + [64] * 6


@pytest.mark.parametrize(
    ("side", "left", "stem"), [(32, 8, (3, 3)), (64, 16, (3, 3)), (65, 5, (7, 7)), (224, 14, (7, 7))]
)
def test_resnet20_reduces_the_resolution_of_large_images_first(side, left, stem):
    network = resnet20(2, (side, side, 3))
    seen = []
    last = [module for module in network if hasattr(module, "residual")][-1]
    last.register_forward_hook(lambda _module, _inputs, output: seen.append(tuple(output.shape)))
    assert network(images(2, (side, side, 3))).shape == (2, 2)
    assert seen == [(2, 64, left, left)]
    assert layers(network, nn.Conv2d)[0].kernel_size == stem


@pytest.mark.parametrize(
    ("build", "shape"), [(mnist_cnn, (28, 28, 1)), (mnist_cnn, (11, 14, 3)), (resnet20, (13, 18, 2))]
)
def test_logits_of_a_row_do_not_depend_on_the_other_rows(build, shape):
    network = build(3, shape).train()
    batch = images(5, shape)
    together = network(batch)
    alone = torch.cat([network(batch[k : k + 1]) for k in range(5)])
    assert together.shape == (5, 3)
    np.testing.assert_allclose(together.detach().numpy(), alone.detach().numpy(), atol=1e-5)
    assert not layers(network, nn.modules.batchnorm._BatchNorm)
    assert not list(network.buffers())


@pytest.mark.parametrize("build", [mnist_cnn, resnet20])
def test_grey_images_may_come_without_a_channel(build):
    shapes = [[tuple(p.shape) for p in build(2, shape).parameters()] for shape in [(16, 12), (16, 12, 1)]]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("build", [mnist_cnn, resnet20])
def test_initial_parameters_come_from_torchs_generator_alone(build):
    first, second, other = (_seeded(lambda: build(2, (12, 12, 1)), seed) for seed in (5, 5, 6))
    for name, value in first.items():
        assert torch.equal(value, second[name])
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def _seeded(build, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().state_dict()


@pytest.mark.parametrize("build", [mnist_cnn, resnet20])
@pytest.mark.parametrize(
    ("n_classes", "shape", "error", "message"),
    [
        (1, (28, 28, 1), ValueError, "n_classes must be at least 2, got 1"),
        (2.0, (28, 28, 1), TypeError, "n_classes must be a whole number"),
        (2, (28,), ValueError, r"image_shape must be \(H, W\) or \(H, W, C\), got \(28,\)"),
        (2, 784, TypeError, r"image_shape must be \(H, W\) or \(H, W, C\), got 784"),
        (2, (28, 0, 1), ValueError, "image_shape must be at least 1, got 0"),
        (2, (28, 28.0), TypeError, "image_shape must be a whole number, got 28.0"),
    ],
)
def test_what_is_no_image_or_no_number_of_classes_is_refused(build, n_classes, shape, error, message):
    with pytest.raises(error, match=message):
        build(n_classes, shape)


def test_images_too_small_for_the_cnn_are_refused():
    assert mnist_cnn(2, (10, 10))(images(1, (10, 10, 1))).shape == (1, 2)
    with pytest.raises(ValueError, match="at least 10 x 10 pixels, got 28 x 9"):
        mnist_cnn(2, (28, 9))


@pytest.mark.parametrize("build", [mnist_cnn, resnet20])
def test_opacus_accepts_the_networks(build):
    validators = pytest.importorskip("opacus.validators", reason="needs opacus: pip install 'knn-cert[dp]'")
    assert validators.ModuleValidator.validate(build(2), strict=False) == []


def run_python(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


def test_without_torch_the_import_says_what_to_install():
    ran = run_python("import sys; sys.modules['torch'] = None; import knn_cert.deep")
    assert ran.returncode != 0
    assert "ImportError: knn_cert.deep needs torch" in ran.stderr
    assert "pip install 'knn-cert[torch]'" in ran.stderr


def test_nothing_else_imports_torch():
    ran = run_python(
        "import sys, knn_cert, knn_cert.montecarlo, knn_cert.cli; assert 'torch' not in sys.modules"
    )
    assert ran.returncode == 0, ran.stderr
