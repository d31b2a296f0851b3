"""The bounds on what an artifact may hold; each is checked before what it bounds is read or computed.

Beside each bound stands what the largest honest model needs. "The forest" is a RandomForestRegressor of 1,000
trees of 10,000 leaves on a million rows of six columns; docs/runtimes.md says how it was measured. A model
over a bound is served as a pickle that a person trusts (MODEL_SHA256): those are loaded without bounds.
"""

from __future__ import annotations

ARTIFACT_BYTES = 2 * 2**30
"""All files of an artifact in S3; a larger one is refused before anything is fetched."""

# The MLmodel file. One with a signature of 1,000 columns has 70 KB.
MLMODEL_BYTES = 256 * 2**10
MLMODEL_EVENTS = 20_000
"""Scalars, and starts and ends of lists and mappings, of its YAML. 5,000 feature names are 5,000."""
MLMODEL_DEPTH = 32
"""Nesting of its YAML. MLflow's own fields have 4 levels."""
NAME_LENGTH = 1_000
"""Characters of an id, a version or a path in it."""
EXAMPLE_BYTES = 10 * 2**20
"""The input example; a larger one is not read. A thousand rows of a hundred columns have 2 MB."""
GOLDEN_BYTES = 2**20
"""The golden set. One of 200 events of 200 bytes has 60 KB."""
COLUMNS = 1_000_000
"""Columns of a signature's tensor, and of a graph's input."""

# An ONNX file.
ONNX_BYTES = 512 * 2**20
"""The file. The forest's would have 370 MB: 27 bytes a split and 10 a leaf."""
ONNX_NODES = 20_000
"""Operators. A target encoder of 1,000 columns is written as 3,000."""
ONNX_FIELDS = 400_000
"""Fields of all of its messages, by which the objects are bounded that onnxruntime makes. A node has 15."""
ONNX_OTHER_BYTES = 2**20
"""Bytes of what is not looked into: names, versions, comments, intermediate values' types."""
ONNX_VALUE_BYTES = 10_000
"""The description of an input or an output."""
ONNX_NUMBERS, ONNX_NUMBERS_PER_COLUMN = 1_000, 100
"""The numbers in all values of a row: so many, plus so many for each input column."""
ONNX_CATEGORIES, ONNX_NUMBERS_PER_CATEGORY = 10_000, 4
"""And so many for each category that the file lists, at most so many: OneHotEncoder makes each a column."""
ONNX_BATCH_NUMBERS = 2**24
"""The numbers in all values that onnxruntime makes at a time: more rows are predicted in several runs."""
ONNX_TEXT_BYTES = 10_000
"""A category or a class. The longest names of places have 200."""
ONNX_TEXT_NUMBERS = 16
"""A text in a value counts as so many numbers, and one more for each 8 bytes if it is a constant."""
ONNX_TREE_LEVELS = 1_000
"""Levels of a tree; onnxruntime builds one by recursion. Trees grown on millions of rows have some 60."""

# A skops file and its zip.
FILE_BYTES = 2 * 2**30
"""A skops or ONNX file, as stored. The forest has 1.5 GB."""
UNPACKED_BYTES = 2 * 2**30
"""All members of a skops file together, unpacked. skops stores them as they are: the forest has 1.5 GB."""
UNPACKED_RATIO, UNPACKED_FREE = 50, 64 * 2**20
"""Members unpack to so many times the file's bytes, plus so many. Deflated trees shrink to a fifth."""
DIRECTORY_BYTES = 5 * 2**20
"""The zip's central directory, 65 bytes a member. A boosting of 3,000 trees has 12,000 members, 0.8 MB."""
SCHEMA_BYTES = 64 * 2**20
"""schema.json. A boosting of 500 trees has 11 MB, a DictVectorizer of 30,000 values 30 MB."""
SCHEMA_PARTS = 1_500_000
"""Brackets and commas in it: parsed, it may take fifty times its size as text. The forest has 360,000."""
SCHEMA_DEPTH = 100
"""Nesting of its nodes. A pipeline of unions of boostings has 30."""
EMPTY_SHAPE = 1_000_000
"""The product of an array's other dimensions, where one is 0 and the file has no bytes to compare with."""
NPY_HEADER_BYTES = 10_000
"""The header of an array. A tree's nodes have 400."""

# What an estimator's numbers may ask for (the rows of sklearn/table/).
JOBS = 512
"""`n_jobs`: joblib prepares that many workers. The largest machines have some 400 cores."""
VERBOSE = 100
"""`verbose`: a higher number prints no more."""
MADE_COLUMNS = 100_000
"""Columns that a transformer makes where a number of the file says how many. Degree 2 of 400 makes 80,601."""
DEGREE = 100
"""The degree of polynomials and splines. 3 is usual."""
OUTPUTS = 100_000
"""Outputs of a tree or a constant, for which memory is taken by their number."""
KERNEL_ROWS = 20_000
"""Rows that a kernel compares each event with: it makes as many numbers for it. Fitting takes the square of
them: 3.2 GB for these."""
PROCESS_ROWS = 2_000
"""Rows of a Gaussian process for classes: for probabilities it solves as many equations, for each class."""
NEIGHBOURS = 50_000
"""Rows that are found for an event, with 16 bytes each. By number some 5 are usual; within a radius all rows
may be, and are no more."""
KERNELS = 100
"""Kernels that are added and multiplied to one. Of a series with a trend and seasons they are some 10."""
MACHINE_CLASSES = 300
"""Classes of a support vector machine: libsvm takes up to their cube of steps for a row's probabilities."""
NGRAM = 10
"""The longest n-gram of a vectorizer, in words or characters: a text makes one of each length at each place.
Words are mostly taken by 1 or 2, characters by 3 to 5."""

# The child process in which an artifact is loaded first that is not pinned.
PROOF_SECONDS, PROOF_SECONDS_PER_BYTE = 30.0, 1 / 10e6
"""Its time: so much, plus so much for each unpacked byte. The forest may take 175 s."""
PROOF_BYTES, PROOF_BYTES_PER_BYTE = 2**30, {"sklearn": 4, "onnx": 20}
"""What it may add to its address space, likewise, by runtime. The forest may add 6.9 GB, and adds 3.0."""
PROOF_STACK_BYTES = 64 * 2**20
"""The stack of each thread that it starts, so that its memory bounds them: 16 in a gigabyte."""
