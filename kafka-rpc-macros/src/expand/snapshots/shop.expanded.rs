pub(crate) trait Shop {
    fn r#match(
        &self,
        r#type: String,
    ) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
    #[cfg(feature = "gifts")]
    #[deprecated = "use `order`"]
    fn give(
        &self,
        article: u64,
    ) -> impl ::core::future::Future<Output = bool> + ::core::marker::Send;
    fn order(
        &self,
        article: u64,
        gift: bool,
        currency: String,
        kind: u8,
    ) -> impl ::core::future::Future<Output = u64> + ::core::marker::Send;
}
#[allow(deprecated)]
/// The client of [`Shop`]; made by `Client::attach`.
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub(crate) struct ShopClient {
    binding: ::kafka_rpc::__private::v0_1_0::Binding,
}
#[allow(deprecated)]
/// Serves an implementation of [`Shop`]; given to a `Server`.
pub(crate) struct ShopServer<S> {
    service: ::kafka_rpc::__private::v0_1_0::Arc<S>,
}
#[allow(deprecated)]
const _: () = {
    enum __Method {
        M0,
        #[cfg(feature = "gifts")]
        M1,
        M2,
    }
    const __METHODS: &[::kafka_rpc::__private::v0_1_0::Method] = &[
        ::kafka_rpc::__private::v0_1_0::Method::new("match"),
        #[cfg(feature = "gifts")]
        ::kafka_rpc::__private::v0_1_0::Method::new("give"),
        ::kafka_rpc::__private::v0_1_0::Method::new("order"),
    ];
    const __DESCRIPTOR: &::kafka_rpc::__private::v0_1_0::Descriptor = &::kafka_rpc::__private::v0_1_0::Descriptor::new(
        "Shop",
        0u32,
        ::core::option::Option::None,
        ::core::option::Option::None,
        __METHODS,
    );
    #[automatically_derived]
    impl ::kafka_rpc::__private::v0_1_0::ServiceClient for ShopClient {
        const DESCRIPTOR: &'static ::kafka_rpc::__private::v0_1_0::Descriptor = __DESCRIPTOR;
        fn from_binding(__binding: ::kafka_rpc::__private::v0_1_0::Binding) -> Self {
            Self { binding: __binding }
        }
        fn binding(&self) -> &::kafka_rpc::__private::v0_1_0::Binding {
            &self.binding
        }
    }
    impl ShopClient {
        /// Calls `match`.
        pub(crate) fn r#match(
            &self,
            r#type: String,
        ) -> ::kafka_rpc::__private::v0_1_0::Call<
            (),
            ::kafka_rpc::__private::v0_1_0::RpcError,
        > {
            let mut __arguments = ::kafka_rpc::__private::v0_1_0::Arguments::named(1u32);
            <String as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &r#type,
                "type",
                &mut __arguments,
            );
            <() as ::kafka_rpc::__private::v0_1_0::WireType>::call(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M0 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
        /// Calls `give`.
        #[cfg(feature = "gifts")]
        #[deprecated = "use `order`"]
        pub(crate) fn give(
            &self,
            article: u64,
        ) -> ::kafka_rpc::__private::v0_1_0::Call<
            bool,
            ::kafka_rpc::__private::v0_1_0::RpcError,
        > {
            let mut __arguments = ::kafka_rpc::__private::v0_1_0::Arguments::named(1u32);
            <u64 as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &article,
                "article",
                &mut __arguments,
            );
            <bool as ::kafka_rpc::__private::v0_1_0::WireType>::call(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M1 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
        /// Calls `order`.
        pub(crate) fn order(
            &self,
            article: u64,
            gift: bool,
            currency: String,
            kind: u8,
        ) -> ::kafka_rpc::__private::v0_1_0::Call<
            u64,
            ::kafka_rpc::__private::v0_1_0::RpcError,
        > {
            let mut __arguments = ::kafka_rpc::__private::v0_1_0::Arguments::named(4u32);
            <u64 as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &article,
                "article",
                &mut __arguments,
            );
            <bool as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &gift,
                "gift",
                &mut __arguments,
            );
            <String as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &currency,
                "currency",
                &mut __arguments,
            );
            <u8 as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &kind,
                "type",
                &mut __arguments,
            );
            <u64 as ::kafka_rpc::__private::v0_1_0::WireType>::call(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M2 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
    }
    impl<S> ShopServer<S> {
        /// Serves this implementation.
        pub(crate) fn new(__service: S) -> Self {
            Self {
                service: ::kafka_rpc::__private::v0_1_0::Arc::new(__service),
            }
        }
    }
    #[automatically_derived]
    impl<S> ::core::fmt::Debug for ShopServer<S> {
        fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            __f.debug_struct("ShopServer").finish_non_exhaustive()
        }
    }
    #[automatically_derived]
    impl<
        __S: Shop + ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::kafka_rpc::__private::v0_1_0::Service for ShopServer<__S> {
        fn descriptor(&self) -> &'static ::kafka_rpc::__private::v0_1_0::Descriptor {
            __DESCRIPTOR
        }
        fn dispatch(
            &self,
            __index: usize,
            __bytes: ::kafka_rpc::__private::v0_1_0::Bytes,
        ) -> ::kafka_rpc::__private::v0_1_0::Dispatch {
            let __service = ::core::clone::Clone::clone(&self.service);
            ::kafka_rpc::__private::v0_1_0::Box::pin(async move {
                match __index {
                    __index if __index == __Method::M0 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (String,),
                            ::kafka_rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0] = ::kafka_rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["type"],
                            )?;
                            ::core::result::Result::Ok((
                                <String as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "type",
                                )?,
                            ))
                        }
                        let (__argument_0,) = __decode(&__bytes)?;
                        let __answer = <__S as Shop>::r#match(&__service, __argument_0)
                            .await;
                        <() as ::kafka_rpc::__private::v0_1_0::WireType>::answer(
                            &__answer,
                        )
                    }
                    #[cfg(feature = "gifts")]
                    __index if __index == __Method::M1 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (u64,),
                            ::kafka_rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0] = ::kafka_rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["article"],
                            )?;
                            ::core::result::Result::Ok((
                                <u64 as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "article",
                                )?,
                            ))
                        }
                        let (__argument_0,) = __decode(&__bytes)?;
                        let __answer = <__S as Shop>::give(&__service, __argument_0)
                            .await;
                        <bool as ::kafka_rpc::__private::v0_1_0::WireType>::answer(
                            &__answer,
                        )
                    }
                    __index if __index == __Method::M2 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (u64, bool, String, u8),
                            ::kafka_rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0, __argument_1, __argument_2, __argument_3,
                            ] = ::kafka_rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["article", "gift", "currency", "type"],
                            )?;
                            ::core::result::Result::Ok((
                                <u64 as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "article",
                                )?,
                                <bool as ::kafka_rpc::__private::v0_1_0::WireType>::decode_or(
                                    __argument_1,
                                    "gift",
                                    || <bool as ::kafka_rpc::__private::v0_1_0::Default>::default(),
                                )?,
                                <String as ::kafka_rpc::__private::v0_1_0::WireType>::decode_or(
                                    __argument_2,
                                    "currency",
                                    || home(),
                                )?,
                                <u8 as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_3,
                                    "type",
                                )?,
                            ))
                        }
                        let (__argument_0, __argument_1, __argument_2, __argument_3) = __decode(
                            &__bytes,
                        )?;
                        let __answer = <__S as Shop>::order(
                                &__service,
                                __argument_0,
                                __argument_1,
                                __argument_2,
                                __argument_3,
                            )
                            .await;
                        <u64 as ::kafka_rpc::__private::v0_1_0::WireType>::answer(
                            &__answer,
                        )
                    }
                    _ => {
                        ::core::result::Result::Err(
                            ::kafka_rpc::__private::v0_1_0::Failure::Unimplemented,
                        )
                    }
                }
            })
        }
    }
    #[automatically_derived]
    impl<
        __S: Shop + ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::kafka_rpc::__private::v0_1_0::ServiceServer for ShopServer<__S> {
        type Client = ShopClient;
    }
    const _: ::core::option::Option<(ShopClient, ShopServer<()>)> = ::core::option::Option::None;
};
