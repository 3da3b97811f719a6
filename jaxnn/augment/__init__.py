"""Image augmentations: pure functions of a key and an image, drawn anew for each image and step.

A change of known size is a function of one image [height, width, channels], such as `rotate(image,
degrees)`. The augmentation, `rotation(max_degrees)`, is a function (key, image) -> image that draws
the size. `per_image` maps augmentations over a batch, as `train.Run(augment=...)` takes them:

    augment.per_image(augment.horizontal_flip(), augment.rotation(15.0))

Pixels are floats in [0, 1] and stay there; the dtype is kept. Geometry is a map of coordinates, by
`resample`: linear between pixels, and 0 beyond the border. Strengths may be traced, and are swept
like any hyperparameter; a strength of 0 leaves the image as it is. A known strength that is no
number is a TypeError and one outside its range a ValueError, when the augmentation is made; so are
an image of integers and one of another shape, when it is applied.
"""

from jaxnn.augment.color import LUMA as LUMA
from jaxnn.augment.color import adjust_brightness as adjust_brightness
from jaxnn.augment.color import adjust_contrast as adjust_contrast
from jaxnn.augment.color import adjust_hue as adjust_hue
from jaxnn.augment.color import adjust_saturation as adjust_saturation
from jaxnn.augment.color import brightness as brightness
from jaxnn.augment.color import color_jitter as color_jitter
from jaxnn.augment.color import contrast as contrast
from jaxnn.augment.color import hue as hue
from jaxnn.augment.color import saturation as saturation
from jaxnn.augment.common import Augmentation as Augmentation
from jaxnn.augment.common import Image as Image
from jaxnn.augment.compose import chain as chain
from jaxnn.augment.compose import per_image as per_image
from jaxnn.augment.geometry import Coordinates as Coordinates
from jaxnn.augment.geometry import crop_and_resize as crop_and_resize
from jaxnn.augment.geometry import distort as distort
from jaxnn.augment.geometry import horizontal_flip as horizontal_flip
from jaxnn.augment.geometry import lens_distortion as lens_distortion
from jaxnn.augment.geometry import pad_and_crop as pad_and_crop
from jaxnn.augment.geometry import random_shear as random_shear
from jaxnn.augment.geometry import random_stretch as random_stretch
from jaxnn.augment.geometry import resample as resample
from jaxnn.augment.geometry import rotate as rotate
from jaxnn.augment.geometry import rotation as rotation
from jaxnn.augment.geometry import shear as shear
from jaxnn.augment.geometry import stretch as stretch
from jaxnn.augment.geometry import translate as translate
from jaxnn.augment.geometry import translation as translation
from jaxnn.augment.geometry import vertical_flip as vertical_flip
from jaxnn.augment.mixing import cutout as cutout
from jaxnn.augment.mixing import mixup as mixup
