"""The allow-list of what a skops file may build, by loader, module and name.

Each entry was found by dumping the fitted estimators that are served, and was then reviewed: building it from
data and calling `predict` on it runs only scikit-learn's and NumPy's own code. Left out on purpose: methods,
operators, bound functions, NumPy's and SciPy's other types, SciPy's sparse matrices, nearest neighbours and
support vectors (compiled code reads their indices unchecked), and every function but those below, which map
numbers to numbers.
"""

from __future__ import annotations

from typing import NamedTuple


class SkopsType(NamedTuple):
    """A type or function that a skops file refers to, and skops' loader for it."""

    loader: str
    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.module}, by skops' {self.loader})"


_NUMBERS = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
_LOSSES = "AbsoluteError HalfGammaLoss HalfPoissonLoss HalfSquaredError HalfTweedieLoss HuberLoss PinballLoss"

_PARTS = {
    "DictNode": {"builtins": "dict", "collections": "OrderedDict", "sklearn.utils._bunch": "Bunch"},
    "DTypeNode": {"numpy": "dtype"},
    "FunctionNode": {
        "numpy": "absolute cbrt exp exp2 expm1 log log10 log1p log2 sqrt square",
        "sklearn.utils.validation": "check_array",  # HistGradientBoosting checks its numeric columns with it
    },
    "JsonNode": {"builtins": "str"},
    "ListNode": {"builtins": "list"},
    "LossNode": {"sklearn._loss._loss": f"Cy{_LOSSES.replace(' ', ' Cy')} CyHalfTweedieLossIdentity"},
    "NdArrayNode": {"numpy": f"ndarray str_ {_NUMBERS}"},
    "PartialNode": {"functools": "partial"},
    "RandomGeneratorNode": {"numpy.random._generator": "Generator"},
    "RandomStateNode": {"numpy.random.mtrand": "RandomState"},
    "SetNode": {"builtins": "set"},
    "SliceNode": {"builtins": "slice"},
    "TreeNode": {"sklearn.tree._tree": "Tree"},
    "TupleNode": {"builtins": "tuple"},
    "TypeNode": {"builtins": "bool float int str", "numpy": f"number str_ {_NUMBERS}"},
}

_OBJECTS = {
    # models
    "sklearn.dummy": "DummyRegressor",
    "sklearn.ensemble._bagging": "BaggingRegressor",
    "sklearn.ensemble._forest": "ExtraTreesRegressor RandomForestRegressor",
    "sklearn.ensemble._gb": "GradientBoostingRegressor",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": "HistGradientBoostingRegressor",
    "sklearn.ensemble._stacking": "StackingRegressor",
    "sklearn.ensemble._voting": "VotingRegressor",
    "sklearn.ensemble._weight_boosting": "AdaBoostRegressor",
    "sklearn.linear_model._base": "LinearRegression",
    "sklearn.linear_model._bayes": "ARDRegression BayesianRidge",
    "sklearn.linear_model._coordinate_descent": "ElasticNet ElasticNetCV Lasso LassoCV",
    "sklearn.linear_model._glm.glm": "GammaRegressor PoissonRegressor TweedieRegressor",
    "sklearn.linear_model._huber": "HuberRegressor",
    "sklearn.linear_model._least_angle": "Lars LarsCV LassoLars LassoLarsCV LassoLarsIC",
    "sklearn.linear_model._omp": "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV",
    "sklearn.linear_model._quantile": "QuantileRegressor",
    "sklearn.linear_model._ransac": "RANSACRegressor",
    "sklearn.linear_model._ridge": "Ridge RidgeCV",
    "sklearn.linear_model._stochastic_gradient": "SGDRegressor",
    "sklearn.linear_model._theil_sen": "TheilSenRegressor",
    "sklearn.tree._classes": "DecisionTreeRegressor ExtraTreeRegressor",
    # composition
    "sklearn.compose._column_transformer": "ColumnTransformer make_column_selector",
    "sklearn.compose._target": "TransformedTargetRegressor",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    # transformers
    "sklearn.decomposition._pca": "PCA",
    "sklearn.decomposition._truncated_svd": "TruncatedSVD",
    "sklearn.feature_extraction._dict_vectorizer": "DictVectorizer",
    "sklearn.feature_selection._variance_threshold": "VarianceThreshold",
    "sklearn.impute._base": "MissingIndicator SimpleImputer",
    "sklearn.preprocessing._data": "Binarizer MaxAbsScaler MinMaxScaler Normalizer PowerTransformer "
    "QuantileTransformer RobustScaler StandardScaler",
    "sklearn.preprocessing._discretization": "KBinsDiscretizer",
    "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
    "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    "sklearn.preprocessing._polynomial": "PolynomialFeatures",
    "sklearn.preprocessing._target_encoder": "TargetEncoder",
    # their parts
    "sklearn._loss.link": "IdentityLink Interval LogLink",
    "sklearn._loss.loss": f"{_LOSSES} HalfTweedieLossIdentity",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.model_selection._split": "KFold",
}

ALLOWED = frozenset(
    SkopsType(loader, module, name)
    for loader, modules in {**_PARTS, "ObjectNode": _OBJECTS}.items()
    for module, names in modules.items()
    for name in names.split()
)
