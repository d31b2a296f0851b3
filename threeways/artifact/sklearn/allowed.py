"""The allow-list of what a skops file may build, by loader, module and name.

Each entry was found by dumping the fitted estimators that are served, and was then reviewed: building it from
data and calling `predict` on it runs only scikit-learn's and NumPy's own code. Each class has a row in the
table of invariants (`table/`), in the module that FAMILIES names: what its objects may have, and what ties it
together. Left out on purpose: methods, operators, bound functions, NumPy's and SciPy's other types, SciPy's
sparse matrices, and every function but those below.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple


class SkopsType(NamedTuple):
    """A type or function that a skops file refers to, and skops' loader for it."""

    loader: str
    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.module}, by skops' {self.loader})"


_NUMBERS = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
_LOSSES = (
    "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss "
    "HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
)

_PARTS = {
    "DictNode": {"builtins": "dict", "collections": "OrderedDict", "sklearn.utils._bunch": "Bunch"},
    "DTypeNode": {"numpy": "dtype"},
    "FunctionNode": {
        "numpy": "absolute cbrt exp exp2 expm1 log log10 log1p log2 sqrt square",
        "sklearn.utils.validation": "check_array",  # HistGradientBoosting checks its numeric columns with it
        # what selected the columns; the selection is fitted, and does not call it again
        "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression r_regression",
        "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
        # what chose a threshold; a prediction reads the names of its arguments
        "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score cohen_kappa_score "
        "f1_score fbeta_score jaccard_score matthews_corrcoef precision_score recall_score",
    },
    "JsonNode": {"builtins": "str"},
    "ListNode": {"builtins": "list"},
    "NdArrayNode": {"numpy": f"ndarray str_ {_NUMBERS}"},
    "PartialNode": {"functools": "partial"},
    "RandomGeneratorNode": {"numpy.random._generator": "Generator"},
    "RandomStateNode": {"numpy.random.mtrand": "RandomState"},
    "SetNode": {"builtins": "set"},
    "SliceNode": {"builtins": "slice"},
    "TupleNode": {"builtins": "tuple"},
    "TypeNode": {"builtins": "bool float int str", "numpy": f"number str_ {_NUMBERS}"},
}

FAMILIES = {
    "linear": {
        "sklearn.linear_model._base": "LinearRegression",
        "sklearn.linear_model._bayes": "ARDRegression BayesianRidge",
        "sklearn.linear_model._coordinate_descent": "ElasticNet ElasticNetCV Lasso LassoCV "
        "MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV",
        "sklearn.linear_model._glm.glm": "GammaRegressor PoissonRegressor TweedieRegressor",
        "sklearn.linear_model._huber": "HuberRegressor",
        "sklearn.linear_model._least_angle": "Lars LarsCV LassoLars LassoLarsCV LassoLarsIC",
        "sklearn.linear_model._logistic": "LogisticRegression LogisticRegressionCV",
        "sklearn.linear_model._omp": "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV",
        "sklearn.linear_model._passive_aggressive": "PassiveAggressiveClassifier PassiveAggressiveRegressor",
        "sklearn.linear_model._perceptron": "Perceptron",
        "sklearn.linear_model._quantile": "QuantileRegressor",
        "sklearn.linear_model._ransac": "RANSACRegressor",
        "sklearn.linear_model._ridge": "Ridge RidgeCV RidgeClassifier RidgeClassifierCV",
        "sklearn.linear_model._stochastic_gradient": "SGDClassifier SGDRegressor",
        "sklearn.linear_model._theil_sen": "TheilSenRegressor",
        "sklearn.svm._classes": "LinearSVC LinearSVR",
    },
    "trees": {
        "sklearn.tree._tree": "Tree",
        "sklearn.tree._classes": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier "
        "ExtraTreeRegressor",
        "sklearn.ensemble._bagging": "BaggingClassifier BaggingRegressor",
        "sklearn.ensemble._forest": "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier "
        "RandomForestRegressor",
        "sklearn.ensemble._weight_boosting": "AdaBoostClassifier AdaBoostRegressor",
    },
    "boosting": {
        "sklearn.ensemble._gb": "GradientBoostingClassifier GradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": "HistGradientBoostingClassifier "
        "HistGradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    },
    "bayes": {
        "sklearn.discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
        "sklearn.naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
    },
    "other": {
        "sklearn.cross_decomposition._pls": "CCA PLSCanonical PLSRegression",
        "sklearn.dummy": "DummyClassifier DummyRegressor",
        "sklearn.isotonic": "IsotonicRegression",
        "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
        "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    },
    "neighbours": {
        "sklearn.metrics._dist_metrics": "ChebyshevDistance64 EuclideanDistance64 ManhattanDistance64 "
        "MinkowskiDistance64",
        "sklearn.neighbors._ball_tree": "BallTree",
        "sklearn.neighbors._classification": "KNeighborsClassifier RadiusNeighborsClassifier",
        "sklearn.neighbors._kd_tree": "KDTree",
        "sklearn.neighbors._nearest_centroid": "NearestCentroid",
        "sklearn.neighbors._regression": "KNeighborsRegressor RadiusNeighborsRegressor",
        "sklearn.neighbors._unsupervised": "NearestNeighbors",
    },
    "machines": {"sklearn.svm._classes": "NuSVC NuSVR SVC SVR"},
    "kernels": {
        "sklearn.gaussian_process._gpc": "GaussianProcessClassifier _BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process._gpr": "GaussianProcessRegressor",
        "sklearn.gaussian_process.kernels": "ConstantKernel DotProduct ExpSineSquared Exponentiation Matern "
        "PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel",
        "sklearn.kernel_ridge": "KernelRidge",
        "sklearn.semi_supervised._label_propagation": "LabelPropagation LabelSpreading",
    },
    "several": {
        "sklearn.metrics._scorer": "_CurveScorer _Scorer",
        "sklearn.model_selection._classification_threshold": "FixedThresholdClassifier "
        "TunedThresholdClassifierCV",
        "sklearn.multiclass": "OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier "
        "_ConstantPredictor",
        "sklearn.multioutput": "ClassifierChain RegressorChain",
        "sklearn.semi_supervised._self_training": "SelfTrainingClassifier",
        "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    },
    "compose": {
        "sklearn.calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration "
        "_TemperatureScaling",
        "sklearn.compose._column_transformer": "ColumnTransformer make_column_selector",
        "sklearn.compose._target": "TransformedTargetRegressor",
        "sklearn.ensemble._stacking": "StackingClassifier StackingRegressor",
        "sklearn.ensemble._voting": "VotingClassifier VotingRegressor",
        "sklearn.multioutput": "MultiOutputClassifier MultiOutputRegressor",
        "sklearn.pipeline": "FeatureUnion Pipeline",
    },
    "scalers": {
        "sklearn.decomposition._pca": "PCA",
        "sklearn.decomposition._truncated_svd": "TruncatedSVD",
        "sklearn.feature_selection._from_model": "SelectFromModel",
        "sklearn.feature_selection._rfe": "RFE",
        "sklearn.feature_selection._univariate_selection": "SelectKBest SelectPercentile",
        "sklearn.feature_selection._variance_threshold": "VarianceThreshold",
        "sklearn.impute._base": "MissingIndicator SimpleImputer",
        "sklearn.impute._knn": "KNNImputer",
        "sklearn.preprocessing._data": "Binarizer MaxAbsScaler MinMaxScaler Normalizer PowerTransformer "
        "QuantileTransformer RobustScaler StandardScaler",
    },
    "columns": {
        "scipy.interpolate._bsplines": "BSpline _BSpline",
        "sklearn.preprocessing._discretization": "KBinsDiscretizer",
        "sklearn.preprocessing._function_transformer": "FunctionTransformer",
        "sklearn.preprocessing._polynomial": "PolynomialFeatures SplineTransformer",
    },
    "encoders": {
        "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
        "sklearn.preprocessing._target_encoder": "TargetEncoder",
    },
    "labels": {"sklearn.preprocessing._label": "LabelBinarizer LabelEncoder"},
    "text": {
        "sklearn.feature_extraction._dict_vectorizer": "DictVectorizer",
        "sklearn.feature_extraction.text": "CountVectorizer TfidfTransformer TfidfVectorizer",
    },
    "losses": {
        "sklearn._loss._loss": f"Cy{_LOSSES.replace(' ', ' Cy')}",
        "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
        "sklearn._loss.loss": _LOSSES,
        "sklearn.linear_model._sgd_fast": "EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive "
        "SquaredHinge",
        "sklearn.model_selection._split": "KFold StratifiedKFold",
    },
}
"""The module of `table/` that has the rows of these classes: it is imported where one of them is used."""

_LOADERS = {"sklearn._loss._loss": "LossNode", "sklearn.linear_model._sgd_fast": "LossNode"}
_LOADERS |= {"sklearn.tree._tree": "TreeNode"}
_FAMILY = {
    (module, name): family
    for family, modules in FAMILIES.items()
    for module, names in modules.items()
    for name in names.split()
}

ALLOWED = frozenset(
    SkopsType(loader, module, name)
    for loader, modules in _PARTS.items()
    for module, names in modules.items()
    for name in names.split()
) | frozenset(SkopsType(_LOADERS.get(module, "ObjectNode"), module, name) for module, name in _FAMILY)


def row_of(module: str, name: str) -> Any:
    """Return the class's row in the table of invariants, or None where it has none."""
    family = _FAMILY.get((module, name))
    return None if family is None else _rows(family).get((module, name))


@cache
def _rows(family: str) -> dict[tuple[str, str], Any]:
    rows = import_module(f"threeways.artifact.sklearn.table.{family}").ROWS
    return {(row.module, row.name): row for row in rows}
